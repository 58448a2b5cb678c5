/** A handler's result in the shape that the extension module takes. Decides nothing: statuses and media types are the core's. */

import { Problem } from "./errors.js";
import { stringifyJson } from "./json.js";
import { Reply } from "./response.js";
import { isStream, produced, type Owners } from "./stream.js";

/**
 * JSON text; or an array that starts with its kind: `nothing`, `text`, `bytes`, `stream`, `response`, `problem`, `refused`, `failed`;
 * of a hook also `passed` and `edited`. `undefined` would mean that the answer comes later.
 */
export type Answer = string | readonly [kind: string, ...parts: unknown[]];

/** One value that the contract accepts and the route's own schema refuses. */
export type Refusal = readonly [source: string, path: readonly string[], message: string];

/** What becomes of a value that the handler of `call` returned. */
export function answer(value: unknown, owners: Owners, call: number): Answer {
  try {
    return told(value, owners, call);
  } catch (error) {
    owners.raised(call, error);
    return failed(error);
  }
}

function told(value: unknown, owners: Owners, call: number): Answer {
  if (isPlain(value)) return encode(value);
  if (value === undefined || value === null) return ["nothing"];
  if (typeof value === "string") return ["text", value];
  if (value instanceof Uint8Array) return ["bytes", value];
  if (value instanceof Reply) return response(value, value.content, owners, call);
  if (value instanceof Problem) {
    owners.raised(call, value);
    return failed(value);
  }
  if (isStream(value)) return ["stream", produced(value, owners, call)];
  return encode(value);
}

/** What most handlers return; the other kinds are looked for only when it is not that. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const kind: unknown = Object.getPrototypeOf(value);
  return kind === Array.prototype || (kind === Object.prototype && !(Symbol.asyncIterator in value));
}

/** A reply with its content, which may have been a promise. */
export function response(reply: Reply, content: unknown, owners: Owners, call: number): Answer {
  return ["response", reply.status, reply.headers.flat(), reply.contentType, ...contentOf(content, owners, call)];
}

/** The content of a response: its kind, and the body where it has one. */
export function contentOf(content: unknown, owners: Owners, call: number): readonly [kind: string, body?: unknown] {
  if (content === undefined || content === null) return ["nothing"];
  if (typeof content === "string") return ["text", content];
  if (content instanceof Uint8Array) return ["bytes", content];
  return isStream(content) ? ["stream", produced(content, owners, call)] : ["json", encode(content)];
}

/** What a client is told about something that was thrown: the problem that it is, or 500 with the cause for the log. */
export function failed(error: unknown): Answer {
  if (!(error instanceof Problem)) return ["failed", shown(error)];
  const { code, status, title, detail, headers, extensions } = error;
  return ["problem", code, status, title, detail, headers.flat(), JSON.stringify(extensions)];
}

/** Values that the route's own schemas refuse: 422. */
export function refused(refusals: readonly Refusal[]): Answer {
  return ["refused", ...refusals];
}

function shown(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? String(error)) : `thrown: ${String(error)}`;
  } catch {
    return "thrown: a value that cannot be shown"; // its own toString throws
  }
}

function encode(value: unknown): string {
  const text = stringifyJson(value);
  if (text === undefined) throw new TypeError(`the handler returned a ${typeof value}, which cannot be written as JSON`);
  return text;
}
