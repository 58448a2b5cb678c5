/** One call: gives a handler its context, and what it answers to the core. Decides no status. */

import { AsyncResource } from "node:async_hooks";
import { answer, failed, refused, response, type Answer } from "./answer.js";
import type { Callable } from "./bridge.js";
import { isJson } from "./content.js";
import { Context, type Calls } from "./context.js";
import { gatherer } from "./gather.js";
import { parseJson } from "./json.js";
import { isPromise, refined, refinements, Refused } from "./refinement.js";
import { Reply } from "./response.js";
import type { BodySpec, Declared, ParameterSpec } from "./route.js";

type Body = string | Uint8Array | undefined;
/** Reads a body that the core has checked; throws a Refused. */
type ReadBody = (raw: Body, context: Context) => unknown;

/** The function that the core calls for a route. */
export function callableOf(route: Declared, parameters: readonly ParameterSpec[], body: BodySpec | undefined, calls: Calls): Callable {
  const handler = route.handler as (context: Context) => unknown;
  const gather = gatherer(parameters);
  const refine = refinements(route.options);
  const read = body === undefined ? undefined : reader(body);
  const run = (context: Context, number: number, raw: Body): Answer | undefined => {
    try {
      if (read !== undefined && raw !== undefined) context.body = read(raw, context);
      const result = refine.length === 0 ? handler(context) : refined(refine, context, handler);
      const said = isPromise(result) ? later(calls, number, result) : finished(calls, number, result);
      if (said !== undefined) calls.forget(number);
      return said;
    } catch (error) {
      calls.forget(number);
      return thrown(calls, number, error);
    }
  };
  // A context of its own: what a handler sets by `enterWith` must not reach the next request of the same turn.
  const inContext: Callable["function"] = (number, raw, ...values) => {
    const context = new Context(calls, number);
    if (values.length > 0) gather(context, values);
    const scope = calls.hooked ? calls.scope(number) : new AsyncResource("spikard");
    return scope.runInAsyncScope(run, undefined, context, number, raw);
  };
  return { function: inContext, content: body === undefined ? "nothing" : isJsonOnly(body) ? "text" : "bytes" };
}

function finished(calls: Calls, number: number, result: unknown): Answer | undefined {
  return result instanceof Reply ? replied(result, calls, number) : answer(result, calls, number);
}

/** A reply, whose content may be a promise. */
export function replied(reply: Reply, calls: Calls, number: number): Answer | undefined {
  if (!isPromise(reply.content)) return answer(reply, calls, number);
  return later(calls, number, reply.content, (content) => response(reply, content, calls, number));
}

/** Answers when a promise has settled, with what `shape` makes of its value. */
export function later(
  calls: Calls, number: number, result: PromiseLike<unknown>, shape: (value: unknown) => Answer | undefined = (value) => finished(calls, number, value),
): undefined {
  const settle = (said: Answer | undefined): void => {
    if (said !== undefined) calls.settle(number, said);
  };
  // A thenable may settle at once or twice; a promise stays what it is.
  const failing = (error: unknown): void => settle(thrown(calls, number, error));
  Promise.resolve(result).then((value) => {
    let said: Answer | undefined;
    try {
      said = shape(value);
    } catch (error) {
      return failing(error);
    }
    settle(said);
  }, failing);
}

/** What is answered where a handler or a hook has failed. */
export function thrown(calls: Calls, number: number, error: unknown): Answer {
  if (error instanceof Refused) return refused(error.refusals);
  calls.raised(number, error);
  return failed(error);
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
