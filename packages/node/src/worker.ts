/** One worker: finds the app in a module and runs it. Supervises nothing; the CLI does. `node worker.js app.ts[:name]` */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { App } from "./app.js";
import { DefinitionError } from "./errors.js";

/** What was named holds no app; says what to write. */
class NoApp extends Error {}

async function find(name: string): Promise<App> {
  const [, file = name, attribute] = /^(.*?)(?::([A-Za-z_$][\w$]*))?$/.exec(name) ?? [];
  if (!existsSync(file)) throw new NoApp(`there is no file ${file}`);
  const module = await load(file);
  const candidates = attribute === undefined ? ["app", "default"] : [attribute];
  const found = candidates.map((candidate) => module[candidate]).find((value) => value !== undefined);
  const only = Object.values(module).filter((value) => value instanceof App);
  const app = found ?? (attribute === undefined && only.length === 1 ? only[0] : undefined);
  if (app instanceof App) return app;
  const wanted = attribute === undefined ? "no app" : `no app named ${attribute}`;
  const there = Object.keys(module).filter((key) => module[key] instanceof App).map((key) => `${file}:${key}`);
  throw new NoApp(`${file} exports ${wanted}; ${there.length > 0 ? `name one: ${there.join(", ")}` : "write `export const app = new App()` in it"}`);
}

async function load(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_UNKNOWN_FILE_EXTENSION") {
      throw new NoApp(`Node ${process.versions.node} does not read TypeScript; use Node 22.18 or later, or compile ${file} and name the .js file`);
    }
    throw theirs(error);
  }
}

/** What a module threw, without the frames that only say that we loaded it. */
function theirs(error: unknown): unknown {
  if (error instanceof Error && error.stack !== undefined) {
    const ours = /^\s+at .*\bnode:(internal\/|diagnostics_channel:)/;
    const lines = error.stack.split("\n").filter((line) => !line.includes(import.meta.url) && !ours.test(line));
    error.stack = lines.join("\n");
  }
  return error;
}

try {
  const [name, ...rest] = process.argv.slice(2);
  if (name === undefined || rest.length > 0) throw new NoApp("usage: node worker.js APP    (app.ts, app.mjs, app.js:name)");
  const app = await find(name);
  await app.run();
} catch (error) {
  if (error instanceof NoApp) process.stderr.write(`spikard: ${error.message}\n`);
  else if (error instanceof DefinitionError) process.stderr.write(`${error.message}\n`);
  else if (error instanceof SyntaxError) throw error; // Node shows it with the line where it is
  else process.stderr.write(`${inspect(error)}\n`);
  process.exit(1); // whatever the module has begun
}
