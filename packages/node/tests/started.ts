/** A program of `programs/` as a process that serves; it ends with its test at the latest. Judges nothing. */

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A served app as a process of its own. */
export interface Started extends AsyncDisposable {
  readonly child: ChildProcess;
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Exit code and signal. */
  readonly ended: Promise<[number | null, string | null]>;
  /** Every line of standard error since it serves. */
  readonly lines: readonly string[];
  /** The first such line that has this in it, once it came. */
  line(part: string): Promise<string>;
}

const BIN = new URL("../../node_modules/.bin/", import.meta.url).pathname;

/** How the core's loop can meet the interpreter's; `own`: with a thread of its own; `flags`: before the program. */
export const WAYS = [
  { name: "Node, by default", runtime: process.execPath, flags: [], variables: { SPIKARD_NODE_LOOP: "" }, own: false },
  { name: "Node, nested", runtime: process.execPath, flags: [], variables: { SPIKARD_NODE_LOOP: "nested" }, own: false },
  { name: "Node, threaded", runtime: process.execPath, flags: [], variables: { SPIKARD_NODE_LOOP: "threaded" }, own: true },
  { name: "Bun", runtime: `${BIN}bun`, flags: [], variables: { SPIKARD_NODE_LOOP: "" }, own: true },
  { name: "Deno", runtime: `${BIN}deno`, flags: ["run", "--allow-all"], variables: { SPIKARD_NODE_LOOP: "" }, own: true },
];

/** Starts `<runtime> [flags] programs/<name>`, once it serves; the runtime is this Node unless another is named. */
export function started(
  name: string, flags: readonly string[] = [], environment: NodeJS.ProcessEnv = {}, runtime = process.execPath,
): Promise<Started> {
  return serving(runtime, [...flags, program(name)], environment);
}

/** Where a program lies. */
export function program(name: string): string {
  return new URL(`./programs/${name}`, import.meta.url).pathname;
}

/** Starts a command, once it says on standard error where it serves. */
export async function serving(command: string, words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Started> {
  const child = spawn(command, words, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...environment } });
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  assert.ok(child.stderr);
  const reader = createInterface({ input: child.stderr });
  const lines: string[] = [];
  let url: string | undefined;
  const said = new Promise<void>((resolve) => {
    reader.on("close", resolve).on("line", (line) => {
      if (url !== undefined) return void lines.push(line);
      url = /https?:\/\/[\d.:]+/.exec(line)?.[0];
      if (url === undefined) lines.push(line);
      else resolve();
    });
  });
  await said;
  if (url === undefined) child.kill("SIGKILL");
  assert.ok(url, lines.join("\n"));
  const line = async (part: string): Promise<string> => {
    for (;;) {
      const found = lines.find((one) => one.includes(part));
      if (found !== undefined) return found;
      await once(reader, "line");
    }
  };
  const dispose = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  return { child, url, ended, lines, line, [Symbol.asyncDispose]: dispose };
}
