/**
 * A SQLite file: through Node's own module where there is one (22.5), else through one in WebAssembly. The locks of that one
 * are its own: all workers on one file are then of that kind, and no other program writes it.
 */

import wasm from "node-sqlite3-wasm";

type Value = string | number | null;
type Values = readonly Value[] | Readonly<Record<string, Value>>;

export interface Database {
  /** The first row, null when there is none. */
  get(sql: string, values: Values): unknown;
  all(sql: string, values: Values): unknown[];
  exec(sql: string): void;
  close(): void;
}

interface Statement {
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
}
interface OfNode {
  readonly DatabaseSync: new (path: string) => { prepare(sql: string): Statement; exec(sql: string): void; close(): void };
}

const sqlite = process.getBuiltinModule("node:sqlite") as OfNode | undefined;

export function open(path: string): Database {
  const database = sqlite === undefined ? ofWasm(path) : ofNode(path, sqlite);
  database.exec("PRAGMA busy_timeout = 5000"); // ms that it waits for another worker's write
  return database;
}

function ofNode(path: string, { DatabaseSync }: OfNode): Database {
  const database = new DatabaseSync(path);
  const places = (values: Values): readonly unknown[] => (Array.isArray(values) ? values : [values]);
  return {
    get: (sql, values) => database.prepare(sql).get(...places(values)) ?? null,
    all: (sql, values) => database.prepare(sql).all(...places(values)),
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
  };
}

function ofWasm(path: string): Database {
  const database = new wasm.Database(path);
  return {
    get: (sql, values) => database.get(sql, values as Value[]),
    all: (sql, values) => database.all(sql, values as Value[]),
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
  };
}
