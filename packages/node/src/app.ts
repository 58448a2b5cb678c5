/** The app: build, check everything, freeze, serve. Knows no HTTP; the core does. */

import { isMainThread } from "node:worker_threads";
import { announceReady, freeze, start, type Callable, type Native } from "./bridge.js";
import { named, OPTIONS, type AppOptions } from "./config.js";
import { gate, GATE, policy, type Gate } from "./policy.js";
import { Calls } from "./context.js";
import { answerAtExit } from "./ending.js";
import { DefinitionError } from "./errors.js";
import { hookCallable, hookSpec, type DeclaredHook } from "./hooks.js";
import { outlive } from "./rejections.js";
import { build } from "./route.js";
import { Routes, type Group } from "./routing.js";
import { Schemas, type JsonSchema } from "./schema.js";
import { fetched } from "./testing.js";

/** What `new App({...})` takes. */
export interface AppInit extends AppOptions, Gate {
  /** Name of the API. Default `Spikard`. */
  readonly title?: string;
  /** Version of the API. Default `0.1.0`. */
  readonly version?: string;
  /** CommonMark, for the documents. */
  readonly description?: string;
  /** JSON Schemas for `#/components/schemas/<name>`, beside those of the routes. */
  readonly schemas?: Readonly<Record<string, JsonSchema>>;
  /** Opens what the app needs before the first request; what it returns is called after the last. */
  readonly lifespan?: () => Cleanup | Promise<Cleanup>;
}

/** Closes what a lifespan opened. */
export type Cleanup = void | (() => void | Promise<void>);

/** Where a served app listens. */
export interface Server {
  /** Port that was bound; with port 0 the one that the kernel chose. */
  readonly port: number;
  /** Settles once the app was closed: everything open was answered, or the drain time was over. */
  readonly closed: Promise<void>;
}

/** Where to listen. */
export interface ListenOptions {
  /** Default `$SPIKARD_HOST`, else `127.0.0.1`. */
  readonly host?: string;
  /** Default `$SPIKARD_PORT`, else 8000; 0 takes a free port. */
  readonly port?: number;
}

/** Where to listen, and by how many processes. */
export interface RunOptions extends ListenOptions {
  /**
   * Processes that serve, kept running by a supervisor; `"auto"` for one per processor. Default `$SPIKARD_WORKERS`, else this
   * process alone.
   */
  readonly workers?: number | "auto";
}

const WORDS = ["title", "version", "description", "schemas", "lifespan", ...GATE];

/**
 * An app.
 *
 * @example
 * const app = new App({ title: "Inventory", version: "1.0.0" });
 * app.get("/items/{id:int}", ({ params }) => ({ id: params.id }));
 * await app.listen({ port: 8000 });
 */
export class App extends Routes {
  readonly #init: AppInit;
  readonly #calls = new Calls();
  #frozen: { readonly native: Native; readonly spec: string } | undefined;
  #server: Server | undefined;
  #cleanup: Cleanup = undefined;

  constructor(init: AppInit = {}) {
    super();
    const known = [...WORDS, ...Object.keys(OPTIONS)];
    const unknown = Object.keys(init).find((name) => !known.includes(name));
    if (unknown !== undefined) throw new TypeError(`unknown option ${JSON.stringify(unknown)} of App; allowed: ${known.join(", ")}`);
    this.#init = init;
  }

  /** Name of the API. */
  get title(): string {
    return this.#init.title ?? "Spikard";
  }

  /** The app as data: AppSpec as JSON text. Throws DefinitionError. */
  spec(): string {
    return this.#freeze().spec;
  }

  /** The OpenAPI 3.1 document as JSON text. Throws DefinitionError. */
  openapi(): string {
    return this.freeze().openapi();
  }

  /** Checks everything and closes the app; serving and the test client do it. Throws DefinitionError. */
  freeze(): Native {
    return this.#freeze().native;
  }

  /**
   * Serves on this thread's event loop until {@link App.close}. Under `spikard run` the socket is inherited, and host and
   * port are not used. While it serves, a rejection that nobody handles is told on standard error and does not end the process,
   * unless the program listens for `unhandledRejection` itself. Throws DefinitionError, and an Error when the port is taken.
   */
  async listen(options: ListenOptions = {}): Promise<Server> {
    const native = this.freeze();
    await this.start();
    const { promise, resolve, reject } = settled();
    const inherits = process.env.SPIKARD_FD !== undefined;
    const { host, port } = inherits ? {} : options;
    const bound = native.serve(host, port, (error) => (error === undefined ? resolve() : reject(new Error(error))));
    delete process.env.SPIKARD_FD;
    const release = [outlive(), answerAtExit()];
    const closed = promise.finally(() => this.stop().finally(() => release.forEach((back) => back())));
    this.#server = { port: bound, closed };
    announceReady();
    delete process.env.SPIKARD_READY_FD; // its descriptor is closed, and the number may become another file's
    return this.#server;
  }

  /** Stops accepting, lets open requests finish, then closes what the lifespan opened. A second call ends at once. */
  async close(): Promise<void> {
    if (this.#server === undefined) return this.stop();
    this.freeze().drain();
    await this.#server.closed;
  }

  /**
   * Serves until SIGINT or SIGTERM; a second signal ends the process at once. The options go before the environment
   * (`SPIKARD_PORT`), that before `spikard.toml` beside the program. With `workers` this process becomes the supervisor of
   * `spikard run --workers`, which starts the program again for each worker, and `run` never returns; in a worker the socket is
   * open already and no option is used. With `SPIKARD_EMIT=spec` in the environment it prints the AppSpec instead.
   */
  async run(options: RunOptions = {}): Promise<void> {
    if (process.env.SPIKARD_EMIT === "spec") {
      return this.#emit();
    }
    // The environment of another thread is its own, so it cannot become a worker by variables.
    if (process.env.SPIKARD_FD === undefined && isMainThread) start(options.host, options.port, options.workers);
    let heard = false;
    const server = this.listen(options);
    const heed = (signal: NodeJS.Signals): void => {
      if (heard) process.exit(128 + (signal === "SIGINT" ? 2 : 15));
      heard = true;
      server.then(() => this.close()).catch(() => undefined);
    };
    process.on("SIGINT", heed).on("SIGTERM", heed);
    try {
      await (await server).closed;
    } finally {
      process.off("SIGINT", heed).off("SIGTERM", heed);
    }
  }

  /** Prints the AppSpec; or its mistakes, which are the reader's to show, and the process ends with 1. */
  #emit(): void {
    try {
      process.stdout.write(`${this.spec()}\n`);
    } catch (error) {
      if (!(error instanceof DefinitionError)) throw error;
      process.stdout.write(`${JSON.stringify({ mistakes: error.mistakes })}\n`);
      process.exitCode = 1;
    }
  }

  /**
   * Answers one request in process, by the Fetch convention.
   *
   * @example
   * const response = await app.fetch(new Request("http://app/items/1"));
   */
  fetch(request: globalThis.Request): Promise<Response> {
    return fetched(this, request);
  }

  /** Runs the lifespan, once; `listen` and the test client do it. */
  async start(): Promise<void> {
    if (this.#cleanup === undefined) this.#cleanup = (await this.#init.lifespan?.()) ?? (() => undefined);
  }

  /** Closes what the lifespan opened. */
  async stop(): Promise<void> {
    const cleanup = this.#cleanup;
    this.#cleanup = undefined;
    await cleanup?.();
  }

  #freeze(): { readonly native: Native; readonly spec: string } {
    if (this.#frozen === undefined) {
      this.#frozen = this.#assemble();
      this.#calls.app = this.#frozen.native;
    }
    return this.#frozen;
  }

  #assemble(): { readonly native: Native; readonly spec: string } {
    const schemas = new Schemas(this.#init.schemas);
    const handlers: Callable[] = [];
    const mistakes: string[] = [];
    const hooked = (hooks: readonly DeclaredHook[]): unknown[] => hooks.map((hook) => {
      this.#calls.hooked = true;
      return hookSpec(hook, handlers.push(hookCallable(hook, this.#calls)) - 1);
    });
    const inside = (routes: Routes<string>, prefix: string): { hooks: unknown[]; routes: unknown[]; groups: unknown[]; files: unknown[] } => ({
      hooks: hooked(routes.hooks),
      routes: routes.declared.map((declared) => {
        const built = build(declared, prefix, handlers.length, schemas, this.#calls);
        handlers.push(built.callable);
        mistakes.push(...built.mistakes);
        return { ...built.spec, hooks: hooked(built.hooks) };
      }),
      groups: routes.groups.map((group: Group<string>) => ({
        prefix: group.prefix, tags: group.shared.tags ?? [], policy: policy(group.shared),
        ...inside(group, prefix + group.prefix),
      })),
      files: routes.directories,
    });
    const { title, version = "0.1.0", description } = { ...this.#init, title: this.title };
    const parts = inside(this, "");
    const config = named(this.#init, Object.keys(OPTIONS) as (keyof AppOptions)[]);
    const spec = JSON.stringify({ title, version, description, config, schemas: schemas.components, policy: gate(this.#init), ...parts });
    try {
      const native = freeze(spec, handlers, (call, why) => this.#calls.cancel(call, why));
      if (mistakes.length > 0) throw new DefinitionError([]);
      return { native, spec };
    } catch (error) {
      if (error instanceof DefinitionError) throw new DefinitionError([...mistakes, ...error.mistakes]);
      throw error;
    }
  }
}

function settled(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let [resolve, reject]: [() => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((fulfil, refuse) => {
    [resolve, reject] = [fulfil, refuse];
  });
  return { promise, resolve, reject };
}

