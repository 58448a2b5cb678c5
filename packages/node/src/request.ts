/** The request as it arrived. Parses on demand; declared parameters are the context's. */

import { parseJson } from "./json.js";
import type { Principal } from "./policy.js";

/** What is asked of the core about one call. */
export interface Source {
  head(): string | undefined;
  body(): Uint8Array | undefined;
  signal(): AbortSignal;
  /** `set`, `add` or `remove` a field, replace the `query` or the `body`. Throws an Error that says what is wrong. */
  edit(what: "set_header" | "add_header" | "remove_header" | "set_query" | "set_body", name: string, value: Uint8Array): void;
}

/**
 * What hooks and handler leave for each other. An app names its own members:
 *
 * @example
 * declare module "spikard" {
 *   interface RequestState { user?: User }
 * }
 */
export interface RequestState {
  [name: string]: unknown;
}

/** One request: `({ request }) => request.headers.get("user-agent")`. What was read stays valid for as long as it is kept. */
export class Request {
  /** One for each request. */
  readonly state: RequestState = {};
  readonly #source: Source;
  #lines: string[] | undefined;
  #headers: Headers | undefined;
  #body: Uint8Array | undefined;

  /** @internal */
  constructor(source: Source) {
    this.#source = source;
  }

  /** Upper case: `GET`. */
  get method(): string {
    return this.#line(1);
  }

  /** Path and query as sent: `/items?tag=a%20b`. */
  get target(): string {
    return this.#line(2);
  }

  /** The path as sent, without the query. */
  get path(): string {
    return this.target.split("?", 1)[0] ?? "";
  }

  /** The query as sent, without the `?`. */
  get queryString(): string {
    const [, ...rest] = this.target.split("?");
    return rest.join("?");
  }

  /** Identity of this exchange; the answer carries it as `x-request-id`. */
  get id(): string {
    return this.#line(3);
  }

  /** Address and port of the peer, `127.0.0.1:50312`; undefined under the test client. */
  get client(): string | undefined {
    return this.#line(0) || undefined;
  }

  /** Who sent it, where the route says who is let in (`auth`); undefined for anybody. */
  get principal(): Principal | undefined {
    const line = this.#line(4);
    return line === "" ? undefined : (parseJson(line) as Principal);
  }

  /** Every header field as sent; a repeated name gives its values joined with `, `. */
  get headers(): Headers {
    return (this.#headers ??= new Headers(this.rawHeaders));
  }

  /** Every field as [lower-case name, value], in the order sent; bytes as Latin-1. */
  get rawHeaders(): [string, string][] {
    const lines = this.#read();
    const fields: [string, string][] = [];
    for (let at = 5; at + 1 < lines.length; at += 2) fields.push([lines[at] ?? "", lines[at + 1] ?? ""]);
    return fields;
  }

  /** Every cookie as sent (RFC 6265, not percent-decoded); of a repeated name the first. */
  get cookies(): Record<string, string> {
    const found: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [name, field] of this.rawHeaders) {
      if (name !== "cookie") continue;
      for (const pair of field.split(";")) {
        const at = pair.indexOf("=");
        if (at >= 0) found[pair.slice(0, at).trim()] ??= pair.slice(at + 1).trim();
      }
    }
    return found;
  }

  /** The whole body; empty when there is none. */
  bytes(): Uint8Array {
    return (this.#body ??= this.#source.body() ?? gone("body"));
  }

  /** The body as UTF-8 text. */
  text(): string {
    return new TextDecoder("utf-8", { fatal: true }).decode(this.bytes());
  }

  /** The body as plain values; an integer above 2^53 is a bigint. Throws SyntaxError when it is not JSON. */
  json(): unknown {
    return parseJson(this.text());
  }

  /** Aborted when nobody waits for the handler or hook that asks: the client left, its time is over, the server stops. */
  get signal(): AbortSignal {
    return this.#source.signal();
  }

  /** In a hook: gives the field this one value, for all that follows. Throws an Error (RFC 9110 section 5). */
  setHeader(name: string, value: string): void {
    this.#edit("set_header", name, latin1(value));
  }

  /** In a hook: adds a value to those of the field. Throws an Error. */
  addHeader(name: string, value: string): void {
    this.#edit("add_header", name, latin1(value));
  }

  /** In a hook: removes the field. */
  removeHeader(name: string): void {
    this.#edit("remove_header", name);
  }

  /** In a hook: replaces the query, without `?`. The path stays, as the route is found. Throws an Error. */
  setQueryString(query: string): void {
    this.#edit("set_query", "", new TextEncoder().encode(query));
  }

  /** In a hook: replaces the body. What is validated, and what the handler gets as `body`, is what it is before validation. */
  setBody(body: Uint8Array | string): void {
    this.#edit("set_body", "", typeof body === "string" ? new TextEncoder().encode(body) : body);
  }

  #edit(what: Parameters<Source["edit"]>[0], name: string, value: Uint8Array = new Uint8Array()): void {
    this.#source.edit(what, name, value);
    this.#lines = this.#headers = this.#body = undefined;
  }

  #line(index: number): string {
    return this.#read()[index] ?? "";
  }

  #read(): string[] {
    return (this.#lines ??= (this.#source.head() ?? gone("head")).split("\n"));
  }
}

/** Each character as the byte of its number. */
function latin1(value: string): Uint8Array {
  if (!/^[\0-\xff]*$/.test(value)) throw new RangeError("a field's value holds a character that no byte stands for; encode it");
  return Buffer.from(value, "latin1");
}

function gone(what: string): never {
  throw new Error(`the ${what} of a request is read before its answer is given; read it earlier and keep what you need`);
}
