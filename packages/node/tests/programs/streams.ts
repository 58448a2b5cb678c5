/** Handlers that give their body in chunks, for `streams.test.ts`. */

import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { Readable } from "node:stream";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { App } from "spikard";

export const app = new App({ title: "streams" });
const store = new AsyncLocalStorage<string>();
/** Streams whose own end has run, and how often each was asked for a chunk. */
const closed: string[] = [];
const pulls: Record<string, number> = {};
const part = new Uint8Array(65_536);

function asked(name: string): Uint8Array {
  pulls[name] = (pulls[name] ?? 0) + 1;
  return part;
}

app.get("/lines", function* () {
  for (let line = 0; line < 3; line++) yield `${line}ü\n`;
});
app.get("/waits", async function* ({ request }) {
  for (let line = 0; line < 3; line++) {
    await sleep(1);
    yield `${request.headers.get("x-a")}${line}`;
  }
});
app.get("/stored", ({ reply }) => {
  store.enterWith("kept");
  const stored = async function* (): AsyncGenerator<string> {
    yield `${store.getStore()} `;
    await turn();
    yield `${store.getStore()}`;
  };
  return reply(turn().then(stored), { status: 202, headers: { "x-a": "1" }, contentType: "text/csv" });
});
app.get("/enters", function* () {
  yield `${store.getStore()} `;
  store.enterWith("own");
  yield "is ";
  yield `${store.getStore()}`;
});

app.get("/late", async function* () {
  yield "begun";
  await sleep(1);
  throw new Error("secret");
});
app.get("/odd-later", function* () {
  try {
    yield "begun";
    yield { secret: 1 };
  } finally {
    closed.push("odd-later");
  }
});

app.get("/sync", function* () {
  try {
    for (;;) yield asked("sync");
  } finally {
    closed.push("sync");
  }
});
app.get("/async", async function* () {
  try {
    for (;;) {
      yield asked("async");
      await turn();
    }
  } finally {
    await turn();
    closed.push("async");
  }
});
app.get("/signal", async function* ({ signal }) {
  try {
    yield "begun";
    await sleep(3_600_000, undefined, { signal });
  } finally {
    closed.push("signal");
  }
});
app.get("/signal-later", async function* (context) {
  yield "begun";
  await once(context.signal, "abort");
  closed.push("signal-later");
});
app.get("/web", () => new ReadableStream({
  pull: (controller) => controller.enqueue(asked("web")),
  cancel: () => void closed.push("web"),
}));
app.get("/web-waits", () => new ReadableStream({
  start: (controller) => controller.enqueue("begun"),
  pull: () => new Promise(() => undefined),
  cancel: () => void closed.push("web-waits"),
}));
app.get("/node", ({ reply }) => reply(new Readable({
  read() { this.push(asked("node")); },
  destroy(_, done) { closed.push("node"); done(null); },
})));
app.get("/node-waits", ({ reply }) => {
  const source = new Readable({
    read: () => undefined,
    destroy(_, done) { closed.push("node-waits"); done(null); },
  });
  source.push("begun");
  return reply(source);
});
app.get("/broken-end", function* () {
  try {
    for (;;) yield part;
  } finally {
    throw new Error("told at the end");
  }
});

app.get("/seen", () => ({ closed, pulls }));

if (process.env.SPIKARD_FD === undefined) await app.run({ port: 0 });
