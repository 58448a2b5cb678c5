/** Where a parameter is sent, and where a handler finds it. */

/** Where a parameter is sent. */
export type Place = "path" | "query" | "header" | "cookie";

/** What a handler's context calls the parameters of a place. */
export type Group = "params" | "query" | "headers" | "cookies";

export const PLACES: readonly (readonly [Group, Place])[] = [
  ["params", "path"], ["query", "query"], ["headers", "header"], ["cookies", "cookie"],
];
