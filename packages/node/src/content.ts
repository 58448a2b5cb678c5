/** Bodies by media type (RFC 9110 section 8.3). Reads none. */

import { isStandard, type Schema } from "./schema.js";

/** Bodies by media type. */
export interface Content {
  readonly content: Readonly<Record<string, Schema>>;
  /** Must be sent. Default true. */
  readonly required?: boolean;
}

/** Bodies by media type, and not the schema of one. */
export function isContent(body: Schema | Content | undefined): body is Content {
  if (typeof body !== "object" || isStandard(body)) return false;
  const { content } = body as Partial<Content>;
  return typeof content === "object" && content !== null;
}

/** Type and subtype in lower case, without parameters. */
export function essence(media: string): string {
  return media.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** JSON, or a type whose syntax is JSON (RFC 6839 section 3.1). */
export function isJson(media: string): boolean {
  const name = essence(media);
  return name === "application/json" || name.endsWith("+json");
}
