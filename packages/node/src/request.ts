/** The request as it arrived. Parses on demand; declared parameters are the context's. */

import { parseJson } from "./json.js";

/** What is asked of the core about one call. */
export interface Source {
  head(): string | undefined;
  body(): Uint8Array | undefined;
}

/** One request: `({ request }) => request.headers.get("user-agent")`. What was read stays valid for as long as it is kept. */
export class Request {
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

  /** Every header field as sent; a repeated name gives its values joined with `, `. */
  get headers(): Headers {
    return (this.#headers ??= new Headers(this.rawHeaders));
  }

  /** Every field as [lower-case name, value], in the order sent; bytes as Latin-1. */
  get rawHeaders(): [string, string][] {
    const lines = this.#read();
    const fields: [string, string][] = [];
    for (let at = 4; at + 1 < lines.length; at += 2) fields.push([lines[at] ?? "", lines[at + 1] ?? ""]);
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

  #line(index: number): string {
    return this.#read()[index] ?? "";
  }

  #read(): string[] {
    return (this.#lines ??= (this.#source.head() ?? gone("head")).split("\n"));
  }
}

function gone(what: string): never {
  throw new Error(`the ${what} of a request is read before its answer is given; read it earlier and keep what you need`);
}
