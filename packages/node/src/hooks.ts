/** Hooks: functions that run at one moment of every request. Decides no order: the core does. */

import { AsyncResource } from "node:async_hooks";
import { contentOf, type Answer } from "./answer.js";
import type { Callable } from "./bridge.js";
import { later, replied, thrown } from "./call.js";
import { Passing, type Calls } from "./context.js";
import { Problem, TABLE } from "./errors.js";
import { isPromise } from "./refinement.js";
import type { Request } from "./request.js";
import { Reply } from "./response.js";

/** What a hook says: a reply or a problem answers, nothing lets the request go on. It may also throw a problem. */
export type HookAnswer = Reply | Problem | void | undefined;
/** A hook that sees the request. */
export type RequestHook = (request: Request) => HookAnswer | PromiseLike<HookAnswer>;
/** A hook that sees the response too. */
export type ResponseHook = (request: Request, response: HookedResponse) => HookAnswer | HookedResponse | PromiseLike<HookAnswer | HookedResponse>;
/** A hook that sees what went wrong. */
export type ErrorHook = (request: Request, problem: Problem) => HookAnswer | PromiseLike<HookAnswer>;

/** Hooks of a route: a function, or several, in order. */
export interface HookOptions {
  /** The head is here, the body is not read yet. */
  readonly onRequest?: RequestHook | readonly RequestHook[];
  /** The body is here, nothing is validated yet. */
  readonly preValidation?: RequestHook | readonly RequestHook[];
  /** Everything is valid, the handler is next. */
  readonly preHandler?: RequestHook | readonly RequestHook[];
  /** There is a response, to be edited or replaced. */
  readonly onResponse?: ResponseHook | readonly ResponseHook[];
  /** Something went wrong, and is no response yet. */
  readonly onError?: ErrorHook | readonly ErrorHook[];
}

/** Each moment's name in the AppSpec. */
export const MOMENTS = {
  onRequest: "on_request",
  preValidation: "pre_validation",
  preHandler: "pre_handler",
  onResponse: "on_response",
  onError: "on_error",
} as const satisfies Record<keyof HookOptions, string>;

export const MOMENT_NAMES = Object.keys(MOMENTS) as (keyof HookOptions)[];

/** A hook as the user wrote it. */
export interface DeclaredHook {
  readonly at: keyof HookOptions;
  readonly hook: (request: Request, subject: never) => unknown;
  readonly file: string;
  readonly line: number;
}

/** The hooks among the options of a route, moment by moment. */
export function hooksOf(options: HookOptions, place: { readonly file: string; readonly line: number }): DeclaredHook[] {
  const { file, line } = place;
  return MOMENT_NAMES.flatMap((at) => [options[at] ?? []].flat().map((hook) => ({ at, hook: hook as DeclaredHook["hook"], file, line })));
}

/** Its HookSpec; `handler` is the index of its callable. */
export function hookSpec({ at, hook, file, line }: DeclaredHook, handler: number): Record<string, unknown> {
  return { at: MOMENTS[at], handler, declared: { name: hook.name || at, file, line } };
}

/** The function that the core calls: with the call's number, what its request shares, and parts of what the hook sees. */
export function hookCallable({ at, hook }: DeclaredHook, calls: Calls): Callable {
  const name = hook.name || at;
  const run = (number: number, passing: Passing, parts: readonly unknown[]): Answer | undefined => {
    try {
      const subject =
        at === "onResponse" ? new HookedResponse(parts)
        : at === "onError" ? problemOf(parts, passing.raised)
        : undefined;
      const said = (value: unknown): Answer | undefined => verdict(value, name, subject, calls, number);
      const returned = hook(passing.request, subject as never);
      passing.scope = new AsyncResource("spikard");
      const answer = isPromise(returned) ? later(calls, number, returned, said) : said(returned);
      if (answer !== undefined) calls.forget(number);
      return answer;
    } catch (error) {
      calls.forget(number);
      return thrown(calls, number, error);
    }
  };
  const call = (number: number, shared: unknown, ...parts: unknown[]): Answer | undefined => {
    const passing = calls.passing(number, shared as Passing | undefined) as Passing; // a hook has a passage
    return passing.scope.runInAsyncScope(run, undefined, number, passing, parts);
  };
  return { function: call as Callable["function"], content: "nothing" };
}

function verdict(value: unknown, name: string, subject: unknown, calls: Calls, number: number): Answer | undefined {
  if (value instanceof Reply) return replied(value, calls, number);
  if (value instanceof Problem) return thrown(calls, number, value);
  if (value !== undefined && value !== null && value !== subject) {
    const kind = typeof value === "object" ? value.constructor?.name : typeof value;
    return thrown(calls, number, new TypeError(`the hook ${name} returned ${kind}; return a reply to answer, or nothing`));
  }
  return subject instanceof HookedResponse ? subject.edits(calls, number) : ["passed"];
}

/** Stands for the content of a response that is a stream: it can be replaced, not read. */
export class StreamedContent {}

/** A response on its way out, for hooks: set what is to be different. */
export class HookedResponse {
  /** 200 to 599. */
  status: number;
  /** Name and value of each field, without those that the server adds. */
  headers: [string, string][];
  /** Media type; undefined without content. */
  contentType: string | undefined;
  /**
   * A `Uint8Array`, undefined for none, or a {@link StreamedContent}. What is set goes out as the content of a `reply` would.
   */
  content: unknown;
  readonly #before: readonly [status: number, fields: string, contentType: string | undefined, content: unknown];

  /** @internal */
  constructor(parts: readonly unknown[]) {
    const [status, fields, contentType, content] = parts as [number, string[], string | undefined, Uint8Array | true | undefined];
    this.status = status;
    this.headers = fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1] ?? ""] as [string, string]] : []));
    this.contentType = contentType;
    this.content = content === true ? new StreamedContent() : content;
    this.#before = [status, JSON.stringify(this.headers), contentType, this.content];
  }

  /** @internal What the core has to change. */
  edits(calls: Calls, call: number): Answer {
    const [status, fields, contentType, content] = this.#before;
    const parts = [this.status, this.headers.flat(), this.contentType] as const;
    if (this.content !== content) return ["edited", ...parts, ...contentOf(this.content, calls, call)];
    const same = status === this.status && contentType === this.contentType && fields === JSON.stringify(this.headers);
    return same ? ["passed"] : ["edited", ...parts];
  }
}

/** The very problem that was thrown; else one that says what the core says, whose `cause` is what was thrown. */
function problemOf(parts: readonly unknown[], raised: unknown): Problem {
  if (raised instanceof Problem) return raised;
  const [code, status, title, detail, fields, members] = parts as [keyof typeof TABLE, number, string, string, string[], string];
  const headers = fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1] ?? ""] as const] : []));
  const Class = TABLE[code] ?? Problem;
  const extensions = JSON.parse(members) as Record<string, unknown>;
  const problem = new Class(detail, { code, status, title, headers, extensions });
  if (raised !== undefined) problem.cause = raised;
  return problem;
}
