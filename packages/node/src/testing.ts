/** Clients in process: every byte goes through the core's own HTTP code, no socket is opened. Serves nothing. */

import type { App } from "./app.js";
import type { Exchanged } from "./bridge.js";
import { parseJson, stringifyJson } from "./json.js";
import { pairs, type HeaderFields } from "./response.js";

/** What a test sends. */
export interface TestRequest {
  /** Pairs of the query string; a list gives one pair per item. */
  readonly query?: Readonly<Record<string, Scalar | readonly Scalar[] | undefined>>;
  readonly headers?: HeaderFields;
  readonly cookies?: Readonly<Record<string, string>>;
  /** A value sent as JSON. */
  readonly json?: unknown;
  /** A body sent as it is. */
  readonly body?: string | Uint8Array;
  /** The client leaves when it is aborted. */
  readonly signal?: AbortSignal;
}

type Scalar = string | number | boolean | bigint;

/** What came back. */
export class TestResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly #body: Uint8Array;

  constructor(status: number, fields: readonly [string, string][], body: Uint8Array) {
    this.status = status;
    this.headers = new Headers(fields.map(([name, value]) => [name, value]));
    this.#body = body;
  }

  bytes(): Uint8Array {
    return this.#body;
  }

  text(): string {
    return new TextDecoder().decode(this.#body);
  }

  /** The body as plain values; of whatever type the test expects. */
  json<T = unknown>(): T {
    return parseJson(this.text()) as T;
  }
}

let exchanges = 0;

/**
 * A client of an app, without a socket.
 *
 * @example
 * await using client = await TestClient.open(app); // runs the app's lifespan
 * const answer = await client.get("/items", { query: { limit: 1 } });
 * assert.equal(answer.status, 200);
 */
export class TestClient {
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
    app.freeze();
  }

  /** A client of an app whose lifespan has begun; `await client.close()` ends it. */
  static async open(app: App): Promise<TestClient> {
    const client = new TestClient(app);
    await app.start();
    return client;
  }

  get(target: string, request?: TestRequest): Promise<TestResponse> {
    return this.request("GET", target, request);
  }

  post(target: string, request?: TestRequest): Promise<TestResponse> {
    return this.request("POST", target, request);
  }

  put(target: string, request?: TestRequest): Promise<TestResponse> {
    return this.request("PUT", target, request);
  }

  patch(target: string, request?: TestRequest): Promise<TestResponse> {
    return this.request("PATCH", target, request);
  }

  delete(target: string, request?: TestRequest): Promise<TestResponse> {
    return this.request("DELETE", target, request);
  }

  /** One request of any method; `target` is a path with or without a query. */
  async request(method: string, target: string, request: TestRequest = {}): Promise<TestResponse> {
    const fields = pairs(request.headers);
    const has = (wanted: string): boolean => fields.some(([name]) => name.toLowerCase() === wanted);
    let body = typeof request.body === "string" ? new TextEncoder().encode(request.body) : (request.body ?? new Uint8Array());
    if (request.json !== undefined) {
      body = new TextEncoder().encode(stringifyJson(request.json) ?? "");
      if (!has("content-type")) fields.push(["content-type", "application/json"]);
    }
    const cookies = Object.entries(request.cookies ?? {});
    if (cookies.length > 0) fields.push(["cookie", cookies.map(([name, value]) => `${name}=${value}`).join("; ")]);
    const [status, answered, content] = await exchange(this.#app, method, withQuery(target, request.query), fields, body, request.signal);
    return new TestResponse(status, answered, content);
  }

  /** Bytes as a client would write them, whatever they are; every byte of the answer. */
  bytes(message: Uint8Array): Promise<Uint8Array> {
    return this.#app.freeze().exchangeBytes(next(), message);
  }

  /** Ends the app's lifespan. */
  close(): Promise<void> {
    return this.#app.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** `app.fetch`. */
export async function fetched(app: App, request: globalThis.Request): Promise<Response> {
  const url = new URL(request.url);
  const fields = pairs(request.headers as Iterable<readonly [string, string]>);
  if (!request.headers.has("host")) fields.push(["host", url.host]);
  const body = new Uint8Array(await request.arrayBuffer());
  const [status, answered, content] = await exchange(app, request.method, url.pathname + url.search, fields, body, request.signal);
  // The Fetch standard forbids a body with these statuses.
  const bodiless = [101, 204, 205, 304].includes(status);
  return new Response(bodiless ? null : new Uint8Array(content), { status, headers: answered.map(([name, value]) => [name, value]) });
}

type Whole = [status: number, fields: [string, string][], body: Uint8Array];

async function exchange(
  app: App, method: string, target: string, fields: readonly [string, string][], body: Uint8Array, signal: AbortSignal | undefined,
): Promise<Whole> {
  signal?.throwIfAborted();
  const [native, number] = [app.freeze(), next()];
  const leave = (): void => native.leave(number);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    const answer = await native.exchange(number, method, target, fields.flat(), body);
    signal?.throwIfAborted();
    return whole(answer);
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

function next(): number {
  exchanges = (exchanges + 1) % 2 ** 32;
  return exchanges;
}

function whole(answer: Exchanged): Whole {
  if (answer === undefined) throw new Error("the client left before it was answered");
  const [status, flat, body] = answer;
  const fields: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) fields.push([flat[at] ?? "", flat[at + 1] ?? ""]);
  return [status, fields, body];
}

function withQuery(target: string, query: TestRequest["query"]): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const item of Array.isArray(value) ? (value as readonly Scalar[]) : value === undefined ? [] : [value as Scalar]) {
      search.append(name, String(item));
    }
  }
  const text = search.toString();
  return text === "" ? target : `${target}${target.includes("?") ? "&" : "?"}${text}`;
}
