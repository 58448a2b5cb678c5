/** A handler's answer when a plain value is not enough: status, fields, cookies. Encodes nothing itself. */

/** Header fields: an object, pairs where a name may repeat, or Fetch's `Headers`. */
export type HeaderFields = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

/** Options of an answer. */
export interface ReplyOptions<Status extends number = number> {
  /** Default 200. */
  readonly status?: Status;
  readonly headers?: HeaderFields;
  /**
   * Default `application/json`; `text/plain; charset=utf-8` for a string and `application/octet-stream` for bytes, or what
   * the route declares for the status.
   */
  readonly contentType?: string;
}

/** Attributes of a cookie (RFC 6265). */
export interface CookieOptions {
  /** Seconds; without it a session cookie. */
  readonly maxAge?: number;
  /** Default `/`. */
  readonly path?: string;
  readonly domain?: string;
  /** Default true. */
  readonly secure?: boolean;
  /** Default true. */
  readonly httpOnly?: boolean;
  /** Default `Lax`; `false` leaves it out. */
  readonly sameSite?: "Lax" | "Strict" | "None" | false;
}

/** Content with its status and header fields; made by {@link reply}. */
export class Reply<Content = unknown> {
  readonly content: Content;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly headers: [string, string][];

  constructor(content: Content, options: ReplyOptions = {}) {
    this.content = content;
    this.status = options.status ?? 200;
    this.contentType = options.contentType;
    this.headers = pairs(options.headers);
  }

  /** Adds a `Set-Cookie` field. Throws RangeError for a name or value that a cookie cannot hold. */
  cookie(name: string, value: string, options: CookieOptions = {}): this {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
      throw new RangeError(`cookie name ${JSON.stringify(name)} is not a token; use letters, digits, \`-\`, \`_\`, \`.\``);
    }
    if (!/^[!#-+\--:<-[\]-~]*$/.test(value)) {
      throw new RangeError(`cookie ${JSON.stringify(name)} has a value that RFC 6265 forbids; encode it as base64url`);
    }
    const { maxAge, path = "/", domain, secure = true, httpOnly = true, sameSite = "Lax" } = options;
    const parts = [`${name}=${value}`];
    if (maxAge !== undefined) parts.push(`Max-Age=${maxAge}`);
    parts.push(`Path=${path}`);
    if (domain !== undefined) parts.push(`Domain=${domain}`);
    if (secure) parts.push("Secure");
    if (httpOnly) parts.push("HttpOnly");
    if (sameSite !== false) parts.push(`SameSite=${sameSite}`);
    this.headers.push(["set-cookie", parts.join("; ")]);
    return this;
  }
}

/**
 * An answer with a status, header fields or cookies of its own. A string or `Uint8Array` goes out as it is, an iterator
 * or a `ReadableStream` in chunks, `undefined` is no body, anything else is JSON. A promise is awaited.
 *
 * @example
 * reply(item, { status: 201, headers: { location: `/items/${item.id}` } })
 */
export function reply<Content>(content: Content, options?: ReplyOptions): Reply<Awaited<Content>> {
  return new Reply(content as Awaited<Content>, options);
}

/** Header fields as pairs. */
export function pairs(fields: HeaderFields | undefined): [string, string][] {
  if (fields === undefined) return [];
  const list = Symbol.iterator in fields ? [...(fields as Iterable<readonly [string, string]>)] : Object.entries(fields);
  return list.map(([name, value]) => [name, value]);
}
