/** The door to the core: the only file that imports the extension module. Decides nothing. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Answer } from "./answer.js";
import { DefinitionError } from "./errors.js";

/**
 * A handler as the extension module calls it: the call's number, the body, one value per parameter. {@link LIST} stands for
 * a short list; the number of its items and the items follow the values, list by list. A long one comes as it is.
 */
export interface Callable {
  readonly function: (call: number, body: string | Uint8Array | undefined, ...values: unknown[]) => Answer | undefined;
  /** What it wants of the body. */
  readonly content: "nothing" | "text" | "bytes";
}

/** Stands for a list among the values of a call. */
export const LIST: object = Object.freeze({});

/** Status, names and values of the fields one after the other, body; nothing when the client left. */
export type Exchanged = [status: number, fields: string[], body: Uint8Array] | undefined;

/** A frozen app. */
export interface Native {
  openapi(): string;
  routes(): string;
  serve(host: string | undefined, port: number | undefined, closed: (error: string | undefined) => void): number;
  drain(): void;
  replier(): (call: number, answer: Answer) => void;
  isAwaited(call: number): boolean;
  head(call: number): string | undefined;
  body(call: number): Uint8Array | undefined;
  shared(call: number): unknown;
  share(call: number, object: object): boolean;
  edit(call: number, what: string, name: string, value: Uint8Array): string | null | undefined;
  exchange(
    exchange: number, method: string, target: string, fields: readonly string[], body: Uint8Array,
  ): Promise<Exchanged>;
  exchangeBytes(exchange: number, bytes: Uint8Array): Promise<Uint8Array>;
  leave(exchange: number): void;
}

interface Extension {
  App: new (spec: string, handlers: readonly Callable[], cancel: (call: number, why: string) => void, list: object) => Native;
  command(argv: string[], interpreter: string, program: string): number;
  start(
    again: string[], interpreter: string, program: string, host: string | undefined, port: number | undefined,
    workers: string | undefined,
  ): { readonly code: number; readonly variables: readonly (readonly [string, string])[] };
  tables(): string;
  announceReady(): void;
  unwind(code: number): boolean;
  lastWords(code: number): void;
}

const require = createRequire(import.meta.url);
const PACKAGE = `spikard-${process.platform}-${process.arch}${process.platform === "linux" ? libc() : ""}`;
const { App, ...others } = load();

export const { tables, announceReady, unwind, lastWords } = others;

/** Runs the `spikard` command; its exit code. */
export function command(argv: string[]): number {
  return others.command(argv, process.execPath, program());
}

/**
 * What a program that is no worker does first: this process becomes the one worker, whose variables are put into its
 * environment, or supervises workers and ends with their exit code.
 */
export function start(host: string | undefined, port: number | undefined, workers: number | string | undefined): void {
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { code, variables } = others.start(again, process.execPath, program(), host, port, workers?.toString());
  if (variables.length === 0) process.exit(code);
  for (const [name, value] of variables) process.env[name] = value;
}

/** The command without a Node around it, which takes the place of this process for what lasts. */
function program(): string {
  return join(dirname(require.resolve(PACKAGE)), "bin", "spikard");
}

/** Hands the app over, once. Throws DefinitionError with everything that the core finds wrong. */
export function freeze(spec: string, handlers: readonly Callable[], cancel: (call: number, why: string) => void): Native {
  try {
    return new App(spec, handlers, cancel, LIST);
  } catch (error) {
    throw new DefinitionError((error instanceof Error ? error.message : String(error)).split("\n"));
  }
}

function load(): Extension {
  try {
    return require(PACKAGE) as Extension;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`spikard has no extension module for this machine (package ${PACKAGE}): ${message}`);
  }
}

function libc(): string {
  return existsSync("/etc/alpine-release") ? "-musl" : "-gnu";
}
