/**
 * Recording app: a user program that serves any contract with one handler and tells what the handler saw.
 *
 * Protocol (JSON lines on standard input and output): tests/recorders/README.md.
 */

import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import * as spikard from "spikard";
import { App, parseJson, Problem, reply, TestClient, type Group, type ParameterSpec, type Request, type RouteOptions } from "spikard";

type Json = { [name: string]: unknown };
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly ParameterSpec[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Contents };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Contents }>>;
  readonly "x-spikard-policy"?: Json;
  readonly "x-spikard-status"?: number;
}
type Contents = Readonly<Record<string, { readonly schema?: boolean | Json }>>;
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;
interface Contract {
  readonly info: { readonly title: string; readonly version: string };
  readonly components?: { readonly schemas?: Readonly<Record<string, Json>> };
  readonly paths: Paths;
  readonly "x-spikard-groups"?: readonly GroupOf[];
}
interface GroupOf {
  readonly prefix: string;
  readonly tags?: readonly string[];
  readonly policy?: Json;
  readonly paths?: Paths;
  readonly groups?: readonly GroupOf[];
}

let wanted: Json = {};
let seen: Json = { called: 0 };

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
    };
    const now = wanted;
    if (typeof now.delay_ms === "number") await sleep(now.delay_ms);
    return answer(now);
  };
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
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [camel(name), value]));
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function contents(of: Contents | undefined): Record<string, boolean | Json> {
  return Object.fromEntries(Object.entries(of ?? {}).map(([media, { schema = true }]) => [media, schema]));
}

function register(routes: App | Group<string>, paths: Paths, groups: readonly GroupOf[]): void {
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const { operationId, parameters = [], requestBody, responses = {}, "x-spikard-status": status } = operation;
      const described = Object.entries(responses).map(([code, { description = "", content }]) => [code, { description, content: contents(content) }]);
      const options = {
        operationId, parameters, response: Object.fromEntries(described) as object,
        ...(requestBody === undefined ? {} : { body: { content: contents(requestBody.content), required: requestBody.required ?? false } }),
        ...(status === undefined ? {} : { status }),
        ...policy(operation["x-spikard-policy"]),
      } as RouteOptions;
      routes.route(method.toUpperCase(), path as string, options, handler(operationId) as never);
    }
  }
  for (const { prefix, tags: names = [], policy: shared, paths: inner = {}, groups: nested = [] } of groups) {
    register(routes.group(prefix as string, { tags: names, ...policy(shared) }), inner, nested);
  }
}

function build(contract: Contract, config: Json): App {
  const { info, components, paths } = contract;
  const app = new App({ ...info, schemas: components?.schemas ?? {}, ...policy(config) });
  register(app, paths, contract["x-spikard-groups"] ?? []);
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
say({ ready: true, in_process: memory !== undefined, lacks: ["hooks"] });
for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const told = parseJson(line) as Json;
  if ("stop" in told) break;
  if ("case" in told) {
    [wanted, seen] = [told.reply as Json, { called: 0 }];
    say({ ok: true });
  } else if ("exchange" in told) {
    const answered = await memory?.bytes(Buffer.from(String(told.exchange), "base64"));
    say({ answer: Buffer.from(answered ?? []).toString("base64") });
  } else {
    say(seen);
  }
}
process.exit(0);
