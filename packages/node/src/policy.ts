/** What an app, a group or a route lets in: whose requests, and how many. The core checks and counts. */

import { named, POLICY, type Policy } from "./config.js";

/** A signature of tokens (RFC 7518 section 3.1, RFC 8037). */
export type Algorithm =
  | "HS256" | "HS384" | "HS512" | "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "EdDSA";

/** One way to be let in: {@link bearer}, {@link apiKey}, {@link basic} or {@link anyone}. */
export interface Auth {
  /** An AuthSpec of the core (docs/appspec.md). */
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What every way may say. */
export interface WayOptions {
  /** All of them must be the caller's; else 403. */
  readonly scopes?: readonly string[];
  /** Name in the documents. Default: `bearer`, `apiKey` or `basic`, made unique. */
  readonly name?: string;
  /** For the documents. */
  readonly description?: string;
}

/** Options of {@link bearer}. One of `secret`, `publicKey` and `jwks` says by which keys. */
export interface BearerOptions extends WayOptions {
  /** Shared with who signs; 32 bytes or more. */
  readonly secret?: string;
  /** PEM, or the path of a file that holds it. */
  readonly publicKey?: string;
  /** Path or `https://` URL of a JSON Web Key Set (RFC 7517). */
  readonly jwks?: string;
  /** Default: by the key. */
  readonly algorithms?: readonly Algorithm[];
  /** `iss` must be one of them. */
  readonly issuer?: string | readonly string[];
  /** `aud` must name one of them; a token for an audience is refused where none is named. */
  readonly audience?: string | readonly string[];
  /** Claims that must be there. Default `["exp"]`. */
  readonly required?: readonly string[];
  /** How far clocks may be apart, in ms. Default 60,000. */
  readonly leewayMs?: number;
  /** `typ` of the header, such as `at+jwt`. */
  readonly tokenType?: string;
  /** How long a key set of a URL is good, in ms. Default 600,000. */
  readonly refreshMs?: number;
}

/**
 * Signed tokens (JWT, RFC 7519) in `Authorization: Bearer`.
 *
 * @example
 * const items = app.group("/items", { auth: bearer({ jwks: "keys.json", scopes: ["items"] }) });
 */
export function bearer(options: BearerOptions): Auth {
  const { secret, publicKey, jwks, algorithms, issuer, audience, required, leewayMs, tokenType, refreshMs } = options;
  const spec = {
    secret, public_key: publicKey, jwks, algorithms, issuers: list(issuer), audiences: list(audience), required,
    leeway_ms: leewayMs, token_type: tokenType, refresh_ms: refreshMs,
  };
  return way("bearer", spec, options);
}

/** Options of {@link apiKey}: where the key stands; default the header field `x-api-key`. */
export interface ApiKeyOptions extends WayOptions {
  readonly header?: string;
  readonly query?: string;
  readonly cookie?: string;
}

/** Whose a key is, or the password of a user, with what it is good for. */
export interface Granted {
  readonly scopes?: readonly string[];
}

/**
 * Keys that the app gave out, and whose each is; 16 bytes or more. They are compared in constant time.
 *
 * @example
 * app.get("/stock", { auth: apiKey({ [process.env.TILL_KEY ?? ""]: "till 7" }) }, () => "much");
 */
export function apiKey(keys: Readonly<Record<string, string | (Granted & { readonly subject: string })>>, options: ApiKeyOptions = {}): Auth {
  const places = (["header", "query", "cookie"] as const).filter((place) => options[place] !== undefined);
  if (places.length > 1) throw new TypeError(`a key stands in one place, not in ${places.join(" and ")}; write two apiKey(...)`);
  const [place] = places;
  const given = Object.entries(keys).map(([key, of]) => ({ key, ...(typeof of === "string" ? { subject: of } : of) }));
  return way("api_key", { ...(place && { place, field: options[place] }), keys: given }, options);
}

/** Names and passwords (RFC 7617). `realm` is what a browser shows; default the app's title. */
export function basic(
  users: Readonly<Record<string, string | (Granted & { readonly password: string })>>,
  options: WayOptions & { readonly realm?: string } = {},
): Auth {
  const given = Object.entries(users).map(([name, of]) => ({ name, ...(typeof of === "string" ? { password: of } : of) }));
  return way("basic", { realm: options.realm, users: given }, options);
}

/** Requests without credentials, beside other ways: `auth: [bearer(...), anyone()]`. Wrong ones are refused still. */
export function anyone(): Auth {
  return { spec: {} };
}

function way(kind: string, spec: object, { scopes, name, description }: WayOptions): Auth {
  return { spec: { [kind]: spec, scopes, name, description } };
}

function list(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === "string" ? [value] : value;
}

/**
 * At most `requests` in `windowMs`, at once or evenly; more are answered with 429. Each worker counts for itself.
 *
 * @example
 * app.group("/reports", { rateLimit: { requests: 10, windowMs: 60_000, by: "principal" }, concurrency: 4 });
 */
export interface RateLimit {
  readonly requests: number;
  readonly windowMs: number;
  /** Whose count together. Default: those of one address, of IPv6 one network of 64 bits. */
  readonly by?: "address" | "principal" | "header" | "all";
  /** The field of `by: "header"`. */
  readonly header?: string;
  /** What `RateLimit` fields of answers call it. */
  readonly name?: string;
}

/** What an app, a group and a route may say of whom they let in; the nearest speaks. */
export interface Gate {
  /** One way, or a list of which any will do; an empty list lets everybody in. */
  readonly auth?: Auth | readonly Auth[];
  /** All of them hold; an empty list is none. The routes that inherit it count together. */
  readonly rateLimit?: RateLimit | readonly RateLimit[];
  /** Most requests at once (503); 0 for any number. The routes that inherit it count together. */
  readonly concurrency?: number;
}

/** Names of {@link Gate}. */
export const GATE = ["auth", "rateLimit", "concurrency"] as const;

/** As the core takes it. Throws TypeError. */
export function gate({ auth, rateLimit, concurrency }: Gate): Record<string, unknown> {
  const all = <T>(value: T | readonly T[] | undefined): readonly T[] | undefined =>
    value === undefined || Array.isArray(value) ? (value as readonly T[] | undefined) : [value as T];
  return {
    auth: all(auth)?.map((one) => {
      if (typeof one?.spec !== "object") throw new TypeError("auth takes bearer(...), apiKey(...), basic(...) or anyone(), or a list of them");
      return one.spec;
    }),
    rate_limit: all(rateLimit)?.map(({ windowMs, ...rest }) => ({ ...rest, window_ms: windowMs })),
    concurrency,
  };
}

/** The whole policy of a group or a route. */
export function policy(options: Policy & Gate): Record<string, unknown> {
  return { ...named(options, POLICY), ...gate(options) };
}

/** Who sent a request: `request.principal`. */
export interface Principal {
  readonly scheme: "bearer" | "apiKey" | "basic";
  /** `sub` of the token, whose the key is, or the user's name; null for a token without `sub`. */
  readonly subject: string | null;
  /** `scope` or `scp` of the token, or what the app says of the key or the user. */
  readonly scopes: readonly string[];
  /** Every claim of the token; empty for keys and passwords. Read them with a schema: `Session.parse(claims)`. */
  readonly claims: Readonly<Record<string, unknown>>;
}
