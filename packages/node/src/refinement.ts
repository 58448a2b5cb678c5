/**
 * What a route's own schemas do to values that the contract accepts: defaults, transformations, refinements. Reads no
 * request.
 */

import type { Refusal } from "./answer.js";
import { essence, isContent, isJson, type Content } from "./content.js";
import type { Context } from "./context.js";
import { PLACES, type Group } from "./place.js";
import type { RouteOptions } from "./route.js";
import { isStandard, type StandardSchema } from "./schema.js";
import { concerns, type Concerns } from "./zod.js";

/** Values that the route's own schemas refuse. */
export class Refused extends Error {
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[]) {
    super("refused");
    this.refusals = refusals;
  }
}

/** A schema that may have more to say than the contract. */
export interface Refinement {
  readonly group: Group | "body";
  readonly source: string;
  readonly validate: StandardSchema["~standard"]["validate"];
  /** Values for which it has to run. */
  readonly concerns: Concerns;
  /** The only media type of a body that it is for, where a body may be of another. */
  readonly media?: string;
}

/** Those of a route. */
export function refinements(options: RouteOptions): Refinement[] {
  const { body } = options;
  const parameters = PLACES.map(([group, source]) => refinement(group, source, options[group]));
  const bodies = isContent(body) ? refinementsOf(body) : [refinement("body", "body", body)];
  return [...parameters, ...bodies].filter((found) => found !== undefined);
}

function refinementsOf({ content }: Content): (Refinement | undefined)[] {
  const all = Object.entries(content);
  return all.filter(([media]) => isJson(media)).map(([media, schema]) => {
    const found = refinement("body", "body", schema);
    return found === undefined || all.length === 1 ? found : { ...found, media: essence(media) };
  });
}

function refinement(group: Refinement["group"], source: string, schema: unknown): Refinement | undefined {
  if (!isStandard(schema)) return undefined;
  const { vendor, validate } = schema["~standard"];
  return { group, source, validate, concerns: vendor === "zod" ? concerns(schema) : () => true };
}

/** Calls the handler with what the schemas make of its values. Throws {@link Refused} with all that they refuse. */
export function refined(refine: readonly Refinement[], context: Context, handler: (context: Context) => unknown): unknown {
  const refusals: Refusal[] = [];
  const waiting: Promise<void>[] = [];
  for (const { group, source, validate, concerns, media } of refine) {
    if (group === "body" && !hasBody(context, media)) continue;
    if (!concerns(context[group])) continue;
    const keep = (result: Awaited<ReturnType<typeof validate>>): void => {
      if (result.issues === undefined) context[group] = result.value as Record<string, unknown>;
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

/** A body was sent, and it is of the media type. */
function hasBody(context: Context, media: string | undefined): boolean {
  if (context.body === undefined) return false; // optional, and not sent
  return media === undefined || essence(context.request.headers.get("content-type") ?? "") === media;
}

function tokens(path: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined): string[] {
  return (path ?? []).map((token) => String(typeof token === "object" ? token.key : token));
}

/** A promise, or what may be awaited like one. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
