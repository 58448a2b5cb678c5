/** One route: from what the user declared to its RouteSpec. Registers nothing. */

import type { Callable } from "./bridge.js";
import { callableOf } from "./call.js";
import { POLICY, type Policy } from "./config.js";
import { GATE, policy, type Gate } from "./policy.js";
import { isContent, type Content } from "./content.js";
import type { Calls } from "./context.js";
import { hooksOf, MOMENT_NAMES, type DeclaredHook, type HookOptions } from "./hooks.js";
import { PLACES, type Place } from "./place.js";
import { isStandard, SchemaError, type Schema, type Schemas } from "./schema.js";

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

/** Responses by status: `201`, `"4XX"`, `"default"`. */
export type Responses = { readonly [status in number | `${number}XX` | "default"]?: Schema | DescribedResponse };

/** A response with more than one media type, or none. */
export interface DescribedResponse {
  readonly description?: string;
  readonly content?: Readonly<Record<string, Schema>>;
}

/** What a route may declare; everything has a default. */
export interface RouteOptions extends Policy, Gate, HookOptions {
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
  readonly hooks: readonly DeclaredHook[];
  readonly mistakes: readonly string[];
}

const KNOWN = new Set<string>([
  ...PLACES.map(([group]) => group), "parameters", "body", "response", "status", "summary", "description", "tags",
  "operationId", "deprecated", "hidden", ...POLICY, ...GATE, ...MOMENT_NAMES,
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
    policy: policy(options),
    declared: { name: route.handler.name || fallback(method, whole), file: route.file, line: route.line },
  };
  return { spec, callable: callableOf(route, parameters, body, calls), hooks: hooksOf(options, route), mistakes };
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

/** Bodies by media type, as the AppSpec has them. */
export interface BodySpec {
  readonly content: Record<string, unknown>;
  readonly required: boolean;
}

function bodyOf(body: Schema | Content | undefined, schemas: Schemas): BodySpec | undefined {
  if (body === undefined) return undefined;
  const { content, required = true } = isContent(body) ? body : { content: { "application/json": body } };
  return { content: mediaTypes(content, schemas, "input"), required };
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
