/** One route: from what the user declared to its RouteSpec and to the function that the core calls. Registers nothing. */

import { AsyncResource } from "node:async_hooks";
import { answer, failed, refused, response, type Answer, type Refusal } from "./answer.js";
import type { Callable } from "./bridge.js";
import { named, POLICY, type Policy } from "./config.js";
import { Context, type Calls } from "./context.js";
import { parseJson } from "./json.js";
import { isStandard, SchemaError, type Schema, type Schemas, type StandardSchema } from "./schema.js";
import { Reply } from "./response.js";
import { concerns, type Concerns } from "./zod.js";

/** One parameter in the words of OpenAPI 3.1, for those who have a contract. */
export interface ParameterSpec {
  readonly name: string;
  readonly in: Place;
  readonly required?: boolean;
  readonly schema?: unknown;
  readonly style?: string;
  readonly explode?: boolean;
  readonly description?: string;
  readonly deprecated?: boolean;
}

/** Where a parameter is sent. */
export type Place = "path" | "query" | "header" | "cookie";

/** Bodies by media type. */
export interface Content {
  readonly content: Readonly<Record<string, Schema>>;
  /** Must be sent. Default true. */
  readonly required?: boolean;
}

/** Responses by status: `201`, `"4XX"`, `"default"`. */
export type Responses = { readonly [status in number | `${number}XX` | "default"]?: Schema | DescribedResponse };

/** A response with more than one media type, or none. */
export interface DescribedResponse {
  readonly description?: string;
  readonly content?: Readonly<Record<string, Schema>>;
}

/** What a route may declare; everything has a default. */
export interface RouteOptions extends Policy {
  /** Object schemas: one parameter per member. */
  readonly params?: Schema;
  readonly query?: Schema;
  readonly headers?: Schema;
  readonly cookies?: Schema;
  /** Parameters in the words of OpenAPI, beside or instead of the object schemas. */
  readonly parameters?: readonly ParameterSpec[];
  /** A schema of JSON, or bodies by media type. */
  readonly body?: Schema | Content;
  /** A schema of the JSON of `status`, or schemas by status. What leaves is checked against it. */
  readonly response?: Schema | Responses;
  /** Status of a plain value. Default 200; 204 for nothing; the only 2XX status that `response` has. */
  readonly status?: number;
  /** One line for the documents. */
  readonly summary?: string;
  /** CommonMark for the documents. */
  readonly description?: string;
  readonly tags?: readonly string[];
  /** Default: the handler's name, made unique. */
  readonly operationId?: string;
  readonly deprecated?: boolean;
  /** Left out of the documents. */
  readonly hidden?: boolean;
}

/** A route as the user wrote it, before anything is looked at. */
export interface Declared {
  readonly method: string;
  readonly path: string;
  readonly options: RouteOptions;
  readonly handler: (context: never) => unknown;
  readonly file: string;
  readonly line: number;
}

/** What became of a route. */
export interface Built {
  readonly spec: Record<string, unknown>;
  readonly callable: Callable;
  readonly mistakes: readonly string[];
}

type Group = "params" | "query" | "headers" | "cookies";
const PLACES: readonly (readonly [Group, Place])[] = [
  ["params", "path"], ["query", "query"], ["headers", "header"], ["cookies", "cookie"],
];

const KNOWN = new Set<string>([
  ...PLACES.map(([group]) => group), "parameters", "body", "response", "status", "summary", "description", "tags",
  "operationId", "deprecated", "hidden", ...POLICY,
] satisfies (keyof RouteOptions)[]);

/** The whole way: parameters, body, responses, words. Mistakes are collected, not thrown. */
export function build(route: Declared, prefix: string, index: number, schemas: Schemas, calls: Calls): Built {
  const { method, options } = route;
  const path = template(route.path);
  const whole = prefix + (prefix !== "" && path === "/" ? "" : path);
  const place = `${route.file}:${route.line}: ${method} ${whole}`;
  const mistakes: string[] = [];
  const noting = <T>(about: string, make: () => T, otherwise: T): T => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      mistakes.push(`${place}: ${about}${error.message}`);
      return otherwise;
    }
  };
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) mistakes.push(`${place}: unknown option ${JSON.stringify(name)}; allowed: ${[...KNOWN].join(", ")}`);
  }
  const parameters = noting("", () => parametersOf(options, captures(whole), schemas, noting), []);
  const body = noting("body ", () => bodyOf(options.body, schemas), undefined);
  const responses = noting("response ", () => responsesOf(options, schemas), { status: options.status, responses: {} });
  const spec = {
    method, path, handler: index, parameters, body,
    responses: responses.responses, status: responses.status,
    operation_id: options.operationId, summary: options.summary, description: options.description,
    tags: options.tags ?? [], deprecated: options.deprecated ?? false, hidden: options.hidden ?? false,
    policy: named(options, POLICY),
    declared: { name: route.handler.name || fallback(method, whole), file: route.file, line: route.line },
  };
  return { spec, callable: callableOf(route, parameters, body, calls), mistakes };
}

/** `:id` is `{id}`. */
function template(path: string): string {
  return path.replace(/(^|\/):([A-Za-z_]\w*)/g, "$1{$2}");
}

function captures(path: string): string[] {
  return [...path.matchAll(/\{\*?([^}:]+)(?::[^}]*)?\}/g)].map((found) => found[1] ?? "");
}

/** A name for a handler without one: `getItemsId`. */
function fallback(method: string, path: string): string {
  const words = path.split(/\W+/).filter((word) => word !== "");
  return method.toLowerCase() + words.map((word) => word[0]?.toUpperCase() + word.slice(1)).join("");
}

function parametersOf(
  options: RouteOptions, inPath: string[], schemas: Schemas, noting: <T>(about: string, make: () => T, otherwise: T) => T,
): ParameterSpec[] {
  const found: ParameterSpec[] = [...(options.parameters ?? [])];
  for (const [group, place] of PLACES) {
    const schema = options[group];
    if (schema === undefined) continue;
    for (const { name, schema: member, required } of noting(`${group} `, () => schemas.members(schema), [])) {
      found.push({ name, in: place, required, ...described(member) });
    }
  }
  const declared = new Set(found.filter((parameter) => parameter.in === "path").map((parameter) => parameter.name));
  for (const name of inPath) {
    if (!declared.has(name)) found.push({ name, in: "path", required: true });
  }
  return found;
}

/** A parameter's description stands beside its schema, not in it (OpenAPI 3.1 Parameter Object). */
function described(schema: unknown): Pick<ParameterSpec, "schema" | "description"> {
  if (typeof schema !== "object" || schema === null || !("description" in schema)) return { schema };
  const { description, ...rest } = schema as { description: string };
  return { schema: rest, description };
}

interface BodySpec {
  readonly content: Record<string, unknown>;
  readonly required: boolean;
}

function bodyOf(body: Schema | Content | undefined, schemas: Schemas): BodySpec | undefined {
  if (body === undefined) return undefined;
  const { content, required = true } = isContent(body) ? body : { content: { "application/json": body } };
  return { content: mediaTypes(content, schemas, "input"), required };
}

function isContent(body: Schema | Content): body is Content {
  if (typeof body !== "object" || isStandard(body)) return false;
  const { content } = body as Partial<Content>;
  return typeof content === "object" && content !== null;
}

function mediaTypes(content: Readonly<Record<string, Schema>>, schemas: Schemas, direction: "input" | "output"): Record<string, unknown> {
  return Object.fromEntries(Object.entries(content).map(([media, schema]) => [media, schemas.json(schema, direction)]));
}

const STATUS = /^([1-5]\d\d|[1-5]XX|default)$/;

function isResponses(response: Schema | Responses): response is Responses {
  const keys = typeof response === "object" && !isStandard(response) ? Object.keys(response) : [];
  return keys.length > 0 && keys.every((key) => STATUS.test(key));
}

function responsesOf(options: RouteOptions, schemas: Schemas): { status: number | undefined; responses: Record<string, unknown> } {
  const { response, status } = options;
  if (response === undefined) return { status, responses: {} };
  const all: Responses = isResponses(response) ? response : { [status ?? 200]: response };
  const responses = Object.entries(all).map(([key, said]) => [key, responseOf(said ?? {}, schemas)]);
  const good = Object.keys(all).filter((key) => /^2\d\d$/.test(key));
  const only = good.length === 1 && good[0] !== "200" && good[0] !== "204" ? Number(good[0]) : undefined;
  return { status: status ?? only, responses: Object.fromEntries(responses) as Record<string, unknown> };
}

function responseOf(said: Schema | DescribedResponse, schemas: Schemas): unknown {
  const described = said as DescribedResponse;
  const isDescribed = typeof said === "object" && !isStandard(said) &&
    (Object.keys(said).length === 0 || Object.keys(said).every((key) => key === "description" || key === "content"));
  if (!isDescribed) return { content: { "application/json": schemas.json(said as Schema, "output") } };
  return { description: described.description, content: mediaTypes(described.content ?? {}, schemas, "output") };
}

// --- the call

type Values = Record<string, unknown>;
type Body = string | Uint8Array | undefined;
/** Reads a body that the core has checked; throws a Refused. */
type ReadBody = (raw: Body, context: Context) => unknown;

/** Values that the route's own schemas refuse. */
class Refused extends Error {
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[]) {
    super("refused");
    this.refusals = refusals;
  }
}

function callableOf(route: Declared, parameters: readonly ParameterSpec[], body: BodySpec | undefined, calls: Calls): Callable {
  const handler = route.handler as (context: Context) => unknown;
  const groups = groupsOf(parameters);
  const refine = refinements(route.options);
  const read = body === undefined ? undefined : reader(body);
  const call = (number: number, raw: Body, values: readonly unknown[]): Answer | undefined => {
    try {
      const context = new Context(calls, number);
      for (const { group, slots } of groups) {
        const sent: Values = {};
        for (const { name, at } of slots) {
          const value = values[at];
          if (value !== undefined) sent[name] = value;
        }
        context[group] = sent;
      }
      if (read !== undefined && raw !== undefined) context.body = read(raw, context);
      const result = refine.length === 0 ? handler(context) : refined(refine, context, handler);
      const said = isPromise(result) ? later(calls, number, result) : finished(calls, number, result);
      if (said !== undefined) calls.forget(number);
      return said;
    } catch (error) {
      calls.forget(number);
      return thrown(error);
    }
  };
  // A context of its own: what a handler sets by `enterWith` must not reach the next request of the same turn.
  const inContext: Callable["function"] = (number, raw, ...values) =>
    new AsyncResource("spikard").runInAsyncScope(call, undefined, number, raw, values);
  return { function: inContext, content: body === undefined ? "nothing" : isJsonOnly(body) ? "text" : "bytes" };
}

interface ParameterGroup {
  readonly group: Group;
  /** Name of a parameter and the place of its value among those of a call. */
  readonly slots: readonly { readonly name: string; readonly at: number }[];
}

function groupsOf(parameters: readonly ParameterSpec[]): ParameterGroup[] {
  const groups = PLACES.map(([group, place]) => ({
    group, slots: parameters.flatMap((parameter, at) => (parameter.in === place ? [{ name: parameter.name, at }] : [])),
  }));
  return groups.filter(({ slots }) => slots.length > 0);
}

function finished(calls: Calls, number: number, result: unknown): Answer | undefined {
  if (result instanceof Reply && isPromise(result.content)) {
    return later(calls, number, result.content, (content) => response(result, content));
  }
  return answer(result);
}

function later(
  calls: Calls, number: number, result: PromiseLike<unknown>, shape: (value: unknown) => Answer | undefined = (value) => finished(calls, number, value),
): undefined {
  const settle = (said: Answer | undefined): void => {
    if (said !== undefined) calls.settle(number, said);
  };
  // A thenable may settle at once or twice; a promise stays what it is.
  Promise.resolve(result).then((value) => settle(attempt(() => shape(value))), (error: unknown) => settle(thrown(error)));
}

function attempt(make: () => Answer | undefined): Answer | undefined {
  try {
    return make();
  } catch (error) {
    return failed(error);
  }
}

function thrown(error: unknown): Answer {
  return error instanceof Refused ? refused(error.refusals) : failed(error);
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function isJson(media: string): boolean {
  const essence = media.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return essence === "application/json" || essence.endsWith("+json");
}

function isJsonOnly(body: BodySpec): boolean {
  return Object.keys(body.content).every(isJson);
}

/** How a body of the declared media types is read. */
function reader(body: BodySpec): ReadBody {
  if (isJsonOnly(body)) return (raw) => parseJson(raw as string);
  return (raw, context) => {
    const media = context.request.headers.get("content-type") ?? "";
    if (isJson(media)) return parseJson(text(raw as Uint8Array));
    return media.toLowerCase().startsWith("text/") ? text(raw as Uint8Array) : raw;
  };
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused([["body", [], "must be UTF-8"]]);
  }
}

// --- what a Standard Schema does beyond its JSON Schema: defaults, transformations, refinements

interface Refinement {
  readonly group: Group | "body";
  readonly source: string;
  readonly validate: StandardSchema["~standard"]["validate"];
  /** Values for which it has to run. */
  readonly concerns: Concerns;
}

function refinements(options: RouteOptions): Refinement[] {
  const places = [...PLACES, ["body", "body"] as const];
  return places.flatMap(([group, source]) => {
    const schema = options[group];
    if (!isStandard(schema)) return [];
    const { vendor, validate } = schema["~standard"];
    return [{ group, source, validate, concerns: vendor === "zod" ? concerns(schema) : () => true }];
  });
}

function refined(refine: readonly Refinement[], context: Context, handler: (context: Context) => unknown): unknown {
  const refusals: Refusal[] = [];
  const waiting: Promise<void>[] = [];
  for (const { group, source, validate, concerns } of refine) {
    if (group === "body" && context.body === undefined) continue; // optional, and not sent
    if (!concerns(context[group])) continue;
    const keep = (result: Awaited<ReturnType<typeof validate>>): void => {
      if (result.issues === undefined) context[group] = result.value as Values;
      else refusals.push(...result.issues.map((issue) => [source, tokens(issue.path), issue.message] as const));
    };
    const result = validate(context[group]);
    if (isPromise(result)) waiting.push(Promise.resolve(result).then(keep));
    else keep(result);
  }
  const go = (): unknown => {
    if (refusals.length > 0) throw new Refused(refusals);
    return handler(context);
  };
  return waiting.length === 0 ? go() : Promise.all(waiting).then(go);
}

function tokens(path: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined): string[] {
  return (path ?? []).map((token) => String(typeof token === "object" ? token.key : token));
}
