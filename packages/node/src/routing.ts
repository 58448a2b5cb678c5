/** Routes and groups as they are declared, with their types. Builds nothing: `app.ts` does, at the freeze. */

import { POLICY, type Policy } from "./config.js";
import { GATE, type Gate } from "./policy.js";
import type { Content } from "./content.js";
import type { Problem } from "./errors.js";
import type { DeclaredHook, ErrorHook, RequestHook, ResponseHook } from "./hooks.js";
import type { Request } from "./request.js";
import type { Reply, reply } from "./response.js";
import type { Declared, DescribedResponse, RouteOptions } from "./route.js";
import type { Flat, Output } from "./schema.js";

/** What a handler of a route is given. */
export interface Given<Path extends string, Options> {
  /** Path parameters, typed. */
  readonly params: Options extends { readonly params: infer S } ? Output<S> : PathParams<Path>;
  /** Declared query parameters that were sent or have a default, typed. */
  readonly query: Options extends { readonly query: infer S } ? Output<S> : Readonly<Record<string, unknown>>;
  /** Declared header parameters, typed; names as declared. */
  readonly headers: Options extends { readonly headers: infer S } ? Output<S> : Readonly<Record<string, unknown>>;
  /** Declared cookies, typed. */
  readonly cookies: Options extends { readonly cookies: infer S } ? Output<S> : Readonly<Record<string, unknown>>;
  /** The body by its schema. */
  readonly body: Options extends { readonly body: infer S } ? BodyOf<S> : undefined;
  /** The request as it arrived. */
  readonly request: Request;
  /** Aborted when the client leaves, the handler's time is over, or the server stops. */
  readonly signal: AbortSignal;
  /** An answer with a status, header fields or cookies of its own. */
  readonly reply: typeof reply;
}

type BodyOf<S> = S extends Content
  ? { [Media in keyof S["content"]]: MediaOf<Media, S["content"][Media]> }[keyof S["content"]] | (S["required"] extends false ? undefined : never)
  : Output<S>;
type MediaOf<Media, S> =
  Media extends `${string}json` ? Output<S> : Media extends `text/${string}` ? string : Uint8Array;

/** Names and types of a template's parameters: `/items/{id:int}` has `{ id: number }`. */
export type PathParams<Path extends string> = Flat<Captures<Path>>;
type Captures<Path extends string> =
  Path extends `${string}{${infer Inner}}${infer Rest}` ? Capture<Inner> & Captures<Rest>
  : Path extends `${string}/:${infer Name}/${infer Rest}` ? { readonly [N in Name]: string } & Captures<`/${Rest}`>
  : Path extends `${string}/:${infer Name}` ? { readonly [N in Name]: string }
  : unknown;
type Capture<Inner extends string> =
  Inner extends `*${infer Name}` ? { readonly [N in Name]: string }
  : Inner extends `${infer Name}:${infer Kind}` ? { readonly [N in Name]: Shorthand<Kind> }
  : { readonly [N in Inner]: string };
type Shorthand<Kind> = Kind extends "int" | "float" ? number : Kind extends "bool" ? boolean : string;

/** What a handler of a route may answer with. */
export type Answered<Options> = Now<ValueOf<Options>> | PromiseLike<Now<ValueOf<Options>>>;
type Now<Value> = Value | Reply<Value> | Problem;
type ValueOf<Options> =
  Options extends { readonly response: infer R }
    ? [keyof R] extends [number | `${number}` | `${number}XX` | "default"] ? { [Status in keyof R]: ResponseOf<R[Status]> }[keyof R] : Output<R>
    : unknown;
type ResponseOf<R> = R extends StandardLike ? Output<R> : R extends DescribedResponse ? (R extends { readonly content: unknown } ? unknown : void | undefined) : Output<R>;
interface StandardLike {
  readonly "~standard": unknown;
}

/** Refuses names that no route option has. */
type Exact<Options> = { readonly [Name in Exclude<keyof Options, keyof RouteOptions>]: never };

/** Declares a route of one method. */
export interface Verb<Prefix extends string, Self> {
  <const Path extends string>(path: Path, handler: (context: Given<`${Prefix}${Path}`, object>) => Answered<object>): Self;
  <const Path extends string, const Options extends RouteOptions>(
    path: Path,
    options: Options & Exact<Options>,
    handler: (context: Given<`${Prefix}${Path}`, Options>) => Answered<Options>,
  ): Self;
}

/** Options of a group; what is inside inherits them. */
export interface GroupOptions extends Policy, Gate {
  /** Go before the routes' own. */
  readonly tags?: readonly string[];
}

/** Options of `app.files`. */
export interface FilesOptions {
  /** The file that stands for a directory; empty for none. Default `index.html`. */
  readonly index?: string;
  /** The file that stands for what is not there, for clients that take `text/html`: the page of a single-page app. */
  readonly fallback?: string;
  /** Send `app.css.br`, `.zst` or `.gz` for `app.css` to clients that take it. Default false. */
  readonly precompressed?: boolean;
  /** Value of `cache-control`; the fallback's is then `no-cache`. Default: none is sent. */
  readonly cacheControl?: string;
  /** Serve names that begin with a dot. Default false. */
  readonly dotfiles?: boolean;
}

const FILES_OPTIONS = ["index", "fallback", "precompressed", "cacheControl", "dotfiles"] as const satisfies readonly (keyof FilesOptions)[];

/** Routes under one prefix, and groups inside. */
export class Routes<Prefix extends string = ""> {
  /** @internal */
  readonly declared: Declared[] = [];
  /** @internal */
  readonly groups: Group<string>[] = [];
  /** @internal */
  readonly hooks: DeclaredHook[] = [];
  /** @internal */
  readonly directories: object[] = [];

  readonly get: Verb<Prefix, this> = verb(this, "GET");
  readonly post: Verb<Prefix, this> = verb(this, "POST");
  readonly put: Verb<Prefix, this> = verb(this, "PUT");
  readonly patch: Verb<Prefix, this> = verb(this, "PATCH");
  readonly delete: Verb<Prefix, this> = verb(this, "DELETE");
  readonly head: Verb<Prefix, this> = verb(this, "HEAD");
  readonly options: Verb<Prefix, this> = verb(this, "OPTIONS");
  readonly query: Verb<Prefix, this> = verb(this, "QUERY");

  /** A route of any method: `app.route("PURGE", "/cache", handler)`. */
  route<const Path extends string, const Options extends RouteOptions = object>(
    method: string,
    path: Path,
    ...rest:
      | [handler: (context: Given<`${Prefix}${Path}`, object>) => Answered<object>]
      | [options: Options & Exact<Options>, handler: (context: Given<`${Prefix}${Path}`, Options>) => Answered<Options>]
  ): this {
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    return declare(this, method, path, options, handler);
  }

  /**
   * A hook `(request)` once the head is here: the route is found, the body not read yet.
   *
   * Hooks run around every request of the routes and groups here, wherever they stand: the app's first, then the groups',
   * then the route's, each in the order of their registration. The app's `onError` and `onResponse` see what no route takes,
   * too. A hook that returns a reply or throws a problem answers; one that returns nothing lets the request go on.
   *
   * @example
   * app.onRequest((request) => {
   *   if (!request.headers.has("x-key")) throw new Unauthenticated();
   * });
   */
  onRequest(hook: RequestHook): this {
    return hooked(this, "onRequest", hook);
  }

  /** A hook `(request)` once the body is here: nothing is validated yet, so edits are what is validated. */
  preValidation(hook: RequestHook): this {
    return hooked(this, "preValidation", hook);
  }

  /** A hook `(request)` once everything is valid: the handler is next. */
  preHandler(hook: RequestHook): this {
    return hooked(this, "preHandler", hook);
  }

  /** A hook `(request, response)` once there is a response, of a handler, a hook or a problem: edits it, or returns another. */
  onResponse(hook: ResponseHook): this {
    return hooked(this, "onResponse", hook);
  }

  /**
   * A hook `(request, problem)` once something went wrong, before it is a response; `problem.cause` is what was thrown, where
   * that was no problem. A reply that is returned takes its place, a problem that is thrown is what the next hook sees.
   */
  onError(hook: ErrorHook): this {
    return hooked(this, "onError", hook);
  }

  /**
   * The files of a directory below `path`, or one file at it. A relative `root` is one beside the file that says so. Links that lead
   * out of it are not followed. The routes are in no document.
   *
   * @example app.files("/assets", "public", { cacheControl: "max-age=3600" })
   */
  files(path: string, root: string, options: FilesOptions = {}): this {
    const wrong = Object.keys(options).find((name) => !(FILES_OPTIONS as readonly string[]).includes(name));
    if (wrong !== undefined) throw new TypeError(`unknown option ${JSON.stringify(wrong)} of files; allowed: ${FILES_OPTIONS.join(", ")}`);
    const { cacheControl, ...same } = options;
    this.directories.push({ path, root, ...same, cache_control: cacheControl, declared: { name: "files", ...caller() } });
    return this;
  }

  /** Routes that share a prefix, tags and policy: `const items = app.group("/items", { tags: ["items"] })`. */
  group<const Inner extends string>(prefix: Inner, options: GroupOptions = {}): Group<`${Prefix}${Inner}`> {
    const group = new Group<`${Prefix}${Inner}`>(prefix, options);
    this.groups.push(group as Group<string>);
    return group;
  }
}

/** Routes under one prefix; made by `app.group`. */
export class Group<Prefix extends string = ""> extends Routes<Prefix> {
  readonly prefix: string;
  /** @internal */
  readonly shared: GroupOptions;

  /** @internal */
  constructor(prefix: string, shared: GroupOptions) {
    super();
    const known: readonly string[] = ["tags", ...POLICY, ...GATE];
    const wrong = Object.keys(shared).find((name) => !known.includes(name));
    if (wrong !== undefined) throw new TypeError(`unknown option ${JSON.stringify(wrong)} of a group; allowed: ${known.join(", ")}`);
    this.prefix = prefix;
    this.shared = shared;
  }
}

function hooked<Self extends Routes<string>>(routes: Self, at: DeclaredHook["at"], hook: DeclaredHook["hook"]): Self {
  if (typeof hook !== "function") throw new TypeError(`a hook is a function; write \`app.${at}((request) => { })\``);
  routes.hooks.push({ at, hook, ...caller() });
  return routes;
}

function verb<Prefix extends string, Self extends Routes<Prefix>>(routes: Self, method: string): Verb<Prefix, Self> {
  return ((path: string, ...rest: unknown[]) => {
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    return declare(routes, method, path, options, handler);
  }) as Verb<Prefix, Self>;
}

function declare<Self extends Routes<string>>(routes: Self, method: string, path: string, options: unknown, handler: unknown): Self {
  if (typeof handler !== "function") {
    throw new TypeError(`${method} ${path} has no handler; write \`app.${method.toLowerCase()}(${JSON.stringify(path)}, () => "hello")\``);
  }
  routes.declared.push({
    method, path, options: options as RouteOptions, handler: handler as Declared["handler"], ...caller(),
  });
  return routes;
}

const HERE = import.meta.url;

/** File and line of the first frame outside this package's own routing. */
function caller(): { file: string; line: number } {
  const lines = (new Error("here").stack ?? "").split("\n").slice(1);
  const frame = lines.find((line) => !line.includes(HERE) && !line.includes("node:internal"));
  const found = /\(?((?:file:\/\/)?\/[^()]+):(\d+):\d+\)?$/.exec(frame ?? "");
  const file = decodeURI((found?.[1] ?? "").replace("file://", ""));
  const folder = `${process.cwd()}/`;
  return { file: file.startsWith(folder) ? file.slice(folder.length) : file, line: Number(found?.[2] ?? 0) };
}
