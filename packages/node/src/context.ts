/** What a handler is given. Holds values; reads nothing before it is asked. */

import { AsyncResource } from "node:async_hooks";
import type { Answer } from "./answer.js";
import { Request } from "./request.js";
import { reply } from "./response.js";
import type { Owners } from "./stream.js";

/** The calls of one app that have not been answered, or whose answer is a stream that has not ended. */
export class Calls implements Owners {
  readonly #controllers = new Map<number, AbortController>();
  /** What a stream's own code may still ask for. */
  readonly #held = new Map<number, { readonly head: string | undefined; readonly body: Uint8Array | undefined }>();
  /** The app has hooks, so calls of one request may share a {@link Passing}. */
  hooked = false;
  #app: CallsOfApp | undefined;
  #reply: ReturnType<CallsOfApp["replier"]> = () => undefined;

  /** The app that makes the calls; set once it is frozen, before the first call. */
  set app(app: CallsOfApp) {
    this.#app = app;
    this.#reply = app.replier();
  }

  head(call: number): string | undefined {
    return this.#app?.head(call) ?? this.#held.get(call)?.head;
  }

  body(call: number): Uint8Array | undefined {
    return this.#app?.body(call) ?? this.#held.get(call)?.body;
  }

  /** Edits the request of a hook. Throws an Error that says what is wrong. */
  edit(call: number, what: string, name: string, value: Uint8Array): void {
    const wrong = this.#app?.edit(call, what, name, value) ?? undefined;
    if (wrong !== undefined) throw new Error(wrong);
  }

  /** What the calls of this call's request share; undefined where no hook looks at it. */
  passing(call: number, known = this.#app?.shared(call) as Passing | undefined): Passing | undefined {
    const passing = known ?? new Passing(this);
    if (known === undefined && this.#app?.share(call, passing) !== true) return undefined;
    passing.call = call;
    return passing;
  }

  /** The asynchronous context of a handler: that in which the hook before it ended. */
  scope(call: number): AsyncResource {
    return this.passing(call)?.scope ?? new AsyncResource("spikard");
  }

  /** What a call has failed with, for the hooks that look at errors. */
  raised(call: number, error: unknown): void {
    const passing = this.hooked ? this.passing(call) : undefined;
    if (passing !== undefined) passing.raised = error;
  }

  /** The request of a call. */
  request(call: number): Request {
    const passing = this.hooked ? this.passing(call) : undefined;
    return passing?.request ?? new Request({
      head: () => this.head(call), body: () => this.body(call), signal: () => this.signal(call), edit: (what, name, value) => this.edit(call, what, name, value),
    });
  }

  /** The answer of a call that had suspended. */
  settle(call: number, answer: Answer): void {
    this.forget(call);
    this.#reply(call, answer);
  }

  /** Aborted when nobody waits for the call any more. */
  signal(call: number): AbortSignal {
    let controller = this.#controllers.get(call);
    if (controller === undefined) {
      controller = new AbortController();
      if (this.#held.has(call) || this.#app?.isAwaited(call) === true) this.#controllers.set(call, controller);
      else controller.abort(aborted("nobody waits for this answer"));
    }
    return controller.signal;
  }

  /** Nobody waits for a call any more. */
  cancel(call: number, why: string): void {
    const controller = this.#controllers.get(call);
    this.#controllers.delete(call);
    controller?.abort(aborted(why));
  }

  /** A call that was answered. */
  forget(call: number): void {
    if (this.#controllers.size > 0 && !this.#held.has(call)) this.#controllers.delete(call);
  }

  /** A call that was answered by a stream: until {@link Calls.release} it is as if it were not. */
  hold(call: number): void {
    this.#held.set(call, { head: this.head(call), body: this.body(call) });
  }

  release(call: number): void {
    this.#held.delete(call);
    this.#controllers.delete(call);
  }
}

interface CallsOfApp {
  head(call: number): string | undefined;
  body(call: number): Uint8Array | undefined;
  replier(): (call: number, answer: Answer) => void;
  isAwaited(call: number): boolean;
  shared(call: number): unknown;
  share(call: number, object: object): boolean;
  edit(call: number, what: string, name: string, value: Uint8Array): string | null | undefined;
}

/** What the hooks and the handler of one request share. */
export class Passing {
  /** The call that runs now. */
  call = 0;
  /** What was thrown last. */
  raised: unknown = undefined;
  scope = new AsyncResource("spikard");
  readonly request: Request;

  constructor(calls: Calls) {
    this.request = new Request({
      head: () => calls.head(this.call),
      body: () => calls.body(this.call),
      signal: () => calls.signal(this.call),
      edit: (what, name, value) => calls.edit(this.call, what, name, value),
    });
  }
}

function aborted(why: string): DOMException {
  return new DOMException(why, "AbortError");
}

/** What a route has where it declares nothing. */
const NONE: Readonly<Record<string, unknown>> = Object.freeze({});

/** One call. Take it apart: `({ params, query, body, request, signal, reply }) => …`. */
export class Context {
  /** Path parameters, typed. */
  params = NONE;
  /** Declared query parameters that were sent or have a default, typed. */
  query = NONE;
  /** Declared header parameters that were sent or have a default, typed; names as declared. */
  headers = NONE;
  /** Declared cookies that were sent or have a default, typed. */
  cookies = NONE;
  /** The body by its schema; undefined when it is optional and was not sent. */
  body: unknown = undefined;
  readonly #calls: Calls;
  readonly #call: number;
  #request: Request | undefined;

  constructor(calls: Calls, call: number) {
    this.#calls = calls;
    this.#call = call;
  }

  /** The request as it arrived. */
  get request(): Request {
    return (this.#request ??= this.#calls.request(this.#call));
  }

  /** Aborted when the client leaves, the handler's time is over, or the server stops. */
  get signal(): AbortSignal {
    return this.#calls.signal(this.#call);
  }

  /** An answer with a status, header fields or cookies of its own. */
  get reply(): typeof reply {
    return reply;
  }
}
