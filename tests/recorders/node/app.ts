/**
 * Recording app: a user program that serves any contract with one handler and tells what the handler saw.
 *
 * Protocol (JSON lines on standard input and output): tests/recorders/README.md.
 */

import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import * as spikard from "spikard";
import {
  App, parseJson, Problem, reply, TestClient, type Group, type HookedResponse, type ParameterSpec, type Request, type RouteOptions,
} from "spikard";

type Json = { [name: string]: unknown };
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly ParameterSpec[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Contents };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Contents }>>;
  readonly "x-spikard-hooks"?: readonly string[];
  readonly "x-spikard-policy"?: Json;
  readonly "x-spikard-status"?: number;
}
type Contents = Readonly<Record<string, { readonly schema?: boolean | Json }>>;
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;
interface Contract {
  readonly info: { readonly title: string; readonly version: string };
  readonly components?: { readonly schemas?: Readonly<Record<string, Json>> };
  readonly paths: Paths;
  readonly "x-spikard-policy"?: Json;
  readonly "x-spikard-hooks"?: readonly string[];
  readonly "x-spikard-groups"?: readonly GroupOf[];
  readonly "x-spikard-files"?: readonly FilesOf[];
}
interface FilesOf {
  readonly path: string;
  readonly root: string;
  readonly cache_control?: string;
}
interface GroupOf {
  readonly hooks?: readonly string[];
  readonly prefix: string;
  readonly tags?: readonly string[];
  readonly policy?: Json;
  readonly paths?: Paths;
  readonly groups?: readonly GroupOf[];
  readonly files?: readonly FilesOf[];
}

let wanted: Json = {};
let seen: Json = { called: 0 };
/** What the hooks of this case do, and which of them ran. */
let hooks: Readonly<Record<string, Hook>> = {};
let ran: string[] = [];

interface Hook {
  readonly keep?: string;
  readonly remove_header?: string;
  readonly set_header?: readonly [string, string];
  readonly add_header?: readonly [string, string];
  readonly set_query?: string;
  readonly set_body?: string;
  readonly response?: { readonly status?: number; readonly header?: [string, string]; readonly text?: string };
  readonly reply?: Json;
}
const MOMENTS = {
  on_request: "onRequest", pre_validation: "preValidation", pre_handler: "preHandler", on_response: "onResponse", on_error: "onError",
} as const;

/** JavaScript has one type of number: whole ones compare as integers and as floats. */
function tag(value: unknown): Json {
  if (value === null) return { null: null };
  if (typeof value === "boolean") return { bool: value };
  if (typeof value === "bigint") return { int: String(value) };
  if (typeof value === "number") return { number: String(value) };
  if (typeof value === "string") return { str: value };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return { list: value.map(tag) };
  if (typeof value === "object") return { object: tags(value as Json) };
  throw new TypeError(`a handler was given a ${typeof value}`);
}

function tags(values: Json): Json {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tag(value)]));
}

function content(request: Request): Json {
  const media = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (media === "application/json" || media.endsWith("+json")) return tag(request.json());
  return tag(media.startsWith("text/") ? request.text() : request.bytes());
}

function handler(operation: string) {
  return async (context: {
    readonly params: Json; readonly query: Json; readonly headers: Json; readonly cookies: Json; readonly request: Request;
  }): Promise<unknown> => {
    const { params, query, headers, cookies, request } = context;
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    seen = {
      called: (seen.called as number) + 1, operation,
      query: tags(query), path: tags(params), headers: tags(lower), cookies: tags(cookies),
      ...(request.bytes().length > 0 ? { body: content(request) } : {}),
      ...(request.principal === undefined ? {} : { principal: request.principal }),
      ...(request.state.kept === undefined ? {} : { kept: request.state.kept }),
    };
    const now = wanted;
    if (typeof now.delay_ms === "number") await sleep(now.delay_ms);
    return answer(now);
  };
}

/** A hook; every second one that is made waits. */
function hook(name: string) {
  const run = (request: Request, subject?: unknown): unknown => {
    if (request.path === "/health/live") return undefined;
    ran.push(name);
    const now = hooks[name] ?? {};
    if (now.keep !== undefined) request.state.kept = now.keep;
    if (now.remove_header !== undefined) request.removeHeader(now.remove_header);
    if (now.set_header !== undefined) request.setHeader(...now.set_header);
    if (now.add_header !== undefined) request.addHeader(...now.add_header);
    if (now.set_query !== undefined) request.setQueryString(now.set_query);
    if (now.set_body !== undefined) request.setBody(now.set_body);
    if (now.response !== undefined) edit(subject as HookedResponse, now.response);
    return now.reply === undefined ? undefined : answer(now.reply);
  };
  const waits = async (request: Request, subject?: unknown): Promise<unknown> => {
    await sleep(0);
    return run(request, subject);
  };
  return (made++ % 2 === 0 ? run : waits) as (request: Request, subject?: unknown) => undefined;
}

let made = 0;

function edit(response: HookedResponse, { status, header, text }: NonNullable<Hook["response"]>): void {
  if (status !== undefined) response.status = status;
  if (header !== undefined) response.headers.push(header);
  if (text !== undefined) response.content = text;
}

function registerHooks(routes: App | Group<string>, names: readonly string[] = []): void {
  for (const name of names) {
    for (const [moment, method] of Object.entries(MOMENTS)) routes[method](hook(`${name}.${moment}`));
  }
}

function answer(now: Json): unknown {
  if (now.problem !== undefined) {
    const { code, detail = "", headers = [], status } = now.problem as {
      code: string; detail?: string; headers?: [string, string][]; status?: number;
    };
    const Known = Object.values(spikard).find((value) => isProblem(value) && new value().code === code);
    if (isProblem(Known)) throw new Known(detail, { headers });
    throw new Problem(detail, { code, title: code, headers, ...(status === undefined ? {} : { status }) });
  }
  if (now.raise !== undefined) throw new Error(String(now.raise));
  if ("value" in now) return now.value;
  const bytes = (text: unknown): Uint8Array => Buffer.from(String(text), "base64");
  const isText = "json" in now && (typeof now.json === "string" || now.json === null);
  const body =
    "json" in now ? (isText ? Buffer.from(JSON.stringify(now.json)) : now.json)
    : "text" in now ? now.text
    : "base64" in now ? bytes(now.base64) : undefined;
  const contentType = (now.content_type as string | undefined) ?? ("json" in now ? "application/json" : undefined);
  return reply(body, {
    status: now.status as number, headers: (now.headers as [string, string][] | undefined) ?? [],
    ...(contentType === undefined ? {} : { contentType }),
  });
}

type ProblemClass = new (detail?: string, options?: { headers: [string, string][] }) => Problem;

function isProblem(value: unknown): value is ProblemClass {
  return typeof value === "function" && value.prototype instanceof Problem;
}

function policy(of: Json = {}): Json {
  const { auth, rate_limit: rates, ...rest } = of as { auth?: Json[]; rate_limit?: Json[] };
  return {
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [camel(name), value])),
    ...(auth === undefined ? {} : { auth: auth.map((spec) => ({ spec })) }),
    ...(rates === undefined ? {} : { rateLimit: rates.map(({ window_ms: windowMs, ...limit }) => ({ ...limit, windowMs })) }),
  };
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function contents(of: Contents | undefined): Record<string, boolean | Json> {
  return Object.fromEntries(Object.entries(of ?? {}).map(([media, { schema = true }]) => [media, schema]));
}

function register(routes: App | Group<string>, paths: Paths, groups: readonly GroupOf[], files: readonly FilesOf[] = []): void {
  for (const { path, root, cache_control: cacheControl, ...same } of files) {
    routes.files(path, root, { ...same, ...(cacheControl === undefined ? {} : { cacheControl }) });
  }
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const { operationId, parameters = [], requestBody, responses = {}, "x-spikard-status": status, "x-spikard-hooks": names = [] } = operation;
      const described = Object.entries(responses).map(([code, { description = "", content }]) => [code, { description, content: contents(content) }]);
      const options = {
        operationId, parameters, response: Object.fromEntries(described) as object,
        ...(requestBody === undefined ? {} : { body: { content: contents(requestBody.content), required: requestBody.required ?? false } }),
        ...(status === undefined ? {} : { status }),
        ...policy(operation["x-spikard-policy"]),
        ...Object.fromEntries(Object.entries(MOMENTS).map(([moment, option]) => [option, names.map((name) => hook(`${name}.${moment}`))])),
      } as RouteOptions;
      routes.route(method.toUpperCase(), path as string, options, handler(operationId) as never);
    }
  }
  for (const { prefix, tags: names = [], policy: shared, hooks: hooked, paths: inner = {}, groups: nested = [], files: served } of groups) {
    const group = routes.group(prefix as string, { tags: names, ...policy(shared) });
    registerHooks(group, hooked);
    register(group, inner, nested, served);
  }
}

function build(contract: Contract, config: Json): App {
  const { info, components, paths } = contract;
  const app = new App({ ...info, schemas: components?.schemas ?? {}, ...policy(config), ...policy(contract["x-spikard-policy"]) });
  registerHooks(app, contract["x-spikard-hooks"]);
  register(app, paths, contract["x-spikard-groups"] ?? [], contract["x-spikard-files"]);
  return app;
}

function say(told: Json): void {
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const first = await lines.next();
const { contract, config } = (parseJson(String(first.value)) as { start: { contract: Contract; config: Json } }).start;
const app = build(contract, config);
app.freeze();
const memory = process.argv[2] === "memory" ? new TestClient(app) : undefined;
if (memory === undefined) void app.run().then(() => process.exit(0));
say({ ready: true, in_process: memory !== undefined });
for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const told = parseJson(line) as Json;
  if ("stop" in told) break;
  if ("case" in told) {
    [wanted, hooks, ran, seen] = [told.reply as Json, (told.hooks ?? {}) as typeof hooks, [], { called: 0 }];
    say({ ok: true });
  } else if ("exchange" in told) {
    const answered = await memory?.bytes(Buffer.from(String(told.exchange), "base64"));
    say({ answer: Buffer.from(answered ?? []).toString("base64") });
  } else {
    say({ ...seen, hooks: ran });
  }
}
process.exit(0);
