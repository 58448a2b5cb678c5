/** A streamed body: chunks as the core pulls them, one at a time, and closed when nobody wants more. Encodes nothing. */

import { AsyncResource } from "node:async_hooks";
import { failed, type Answer } from "./answer.js";
import { isPromise } from "./refinement.js";

/** What gives chunks: a generator, another iterator, anything that `for await` takes, a ReadableStream. */
export type Streamed = Iterator<unknown> | AsyncIterable<unknown> | ReadableStream;

/** What the extension module pulls. Calls of `pull` never overlap; `close` is called once, if `pull` has not said the end. */
export interface Producer {
  readonly pull: (call: number) => Answer | undefined;
  readonly close: () => void;
}

/** What a producer asks of the calls of its app; `owner` is the call that was answered with the stream. */
export interface Owners {
  /** From now on the request can be read and the signal can be aborted although the call was answered. */
  hold(owner: number): void;
  /** No more. */
  release(owner: number): void;
  /** Aborts the signal. */
  cancel(owner: number, why: string): void;
  /** What a call has failed with. */
  raised(call: number, error: unknown): void;
  /** The answer of a pull that has suspended. */
  settle(call: number, answer: Answer): void;
}

/** A value that is sent as it is made. A list, a map, a set are values: only what is used up by reading it is a stream. */
export function isStream(value: unknown): value is Streamed {
  if (typeof value !== "object" || value === null) return false;
  return Symbol.asyncIterator in value || isReadable(value) || (Symbol.iterator in value && "next" in value);
}

function isReadable(value: object): value is ReadableStream {
  return value instanceof ReadableStream;
}

/** Made where the handler ran: each step has the asynchronous context in which the one before ended, the first the handler's. */
export function produced(source: Streamed, owners: Owners, owner: number): Producer {
  const { next, end } = opened(source);
  let scope = new AsyncResource("spikard");
  let over = false;
  owners.hold(owner);
  const ended = (): void => {
    over = true;
    owners.release(owner);
  };
  const told = (step: IteratorResult<unknown>): Answer => {
    try {
      const { done, value } = step;
      if (done !== true) return chunk(value);
      ended();
      return ["nothing"];
    } catch (error) {
      return failed(error);
    }
  };
  const thrown = (error: unknown): Answer => {
    ended();
    return failed(error);
  };
  const pull = (call: number): Answer | undefined => {
    try {
      const step = next();
      scope = new AsyncResource("spikard");
      if (!isPromise(step)) return told(step);
      const settle = (answer: Answer): void => owners.settle(call, answer);
      Promise.resolve(step).then((step) => settle(told(step)), (error: unknown) => settle(thrown(error)));
      return undefined;
    } catch (error) {
      return thrown(error);
    }
  };
  // What fails in a `finally` that nobody waits for is a rejection that nobody handles.
  const close = async (): Promise<void> => {
    if (over) return;
    owners.cancel(owner, "nobody waits for the rest of this answer");
    ended();
    await end();
  };
  return {
    pull: (call) => scope.runInAsyncScope(pull, undefined, call),
    close: () => void scope.runInAsyncScope(close),
  };
}

interface Opened {
  readonly next: () => IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>;
  /** Ends it before its end. */
  readonly end: () => unknown;
}

function opened(source: Streamed): Opened {
  if (isReadable(source)) {
    // Its own iterator would wait for the read that is under way before it cancels.
    const reader = source.getReader();
    return { next: async () => (await reader.read()) as IteratorResult<unknown>, end: () => reader.cancel() };
  }
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source;
  const end = (): unknown => {
    // So would that of Node's streams.
    if ("destroy" in source && typeof source.destroy === "function") source.destroy();
    return iterator.return?.();
  };
  return { next: () => iterator.next(), end };
}

function chunk(value: unknown): Answer {
  if (typeof value === "string") return ["text", value];
  if (value instanceof Uint8Array) return ["bytes", value];
  const kind = value === null ? "null" : typeof value;
  throw new TypeError(`a stream gives strings or Uint8Arrays, not ${kind}: encode it, for example \`JSON.stringify(item) + "\\n"\``);
}
