/** Handlers that give their body in chunks: by a real server in each way of its loop, and in process. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { App, NotFound, TestClient } from "spikard";
import { started, WAYS, type Started } from "./started.js";

/** A client that has the head and something of the body, and reads no more. */
async function begun(server: Started, path: string): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
  const [head] = (await once(socket, "data")) as [Buffer];
  assert.match(head.toString("latin1"), /^HTTP\/1.1 200 OK\r\n/, path);
  socket.pause();
  return socket;
}

interface Seen {
  readonly closed: string[];
  readonly pulls: Record<string, number>;
}

async function seen(server: Started): Promise<Seen> {
  return (await (await fetch(`${server.url}/seen`)).json()) as Seen;
}

for (const { name, runtime, flags, variables } of WAYS) {
  test(`${name}: generators and streams arrive in chunks, with their context`, async () => {
    await using server = await started("streams.js", flags, variables, runtime);
    const lines = await fetch(`${server.url}/lines`);
    assert.deepEqual([lines.headers.get("content-length"), lines.headers.get("content-type")], [null, "application/octet-stream"]);
    assert.equal(await lines.text(), "0ü\n1ü\n2ü\n");
    assert.equal(await (await fetch(`${server.url}/waits`, { headers: { "x-a": "a" } })).text(), "a0a1a2");
    const stored = await fetch(`${server.url}/stored`);
    assert.deepEqual([stored.status, stored.headers.get("x-a"), stored.headers.get("content-type")], [202, "1", "text/csv"]);
    assert.equal(await stored.text(), "kept kept");
    assert.equal(await (await fetch(`${server.url}/enters`)).text(), "undefined is own");
    server.child.kill("SIGTERM");
    assert.deepEqual(await server.ended, [0, null]);
  });

  test(`${name}: what fails later ends the connection, and the next request is served`, async () => {
    await using server = await started("streams.js", flags, variables, runtime);
    for (const path of ["/late", "/odd-later"]) {
      const socket = await begun(server, path);
      let rest = "";
      socket.setEncoding("latin1").on("data", (data: string) => { rest += data; });
      await new Promise((resolve) => socket.on("close", resolve).on("error", () => undefined)); // it may be reset
      assert.deepEqual([rest.includes("secret"), rest.endsWith("0\r\n\r\n")], [false, false], path);
    }
    assert.match(await server.line("aborted"), /"operation":"GET \/late".*secret/);
    assert.deepEqual((await seen(server)).closed, ["odd-later"]);
  });

  test(`${name}: a stream is closed when its client leaves`, async () => {
    await using server = await started("streams.js", flags, variables, runtime);
    const names = ["async", "node", "node-waits", "signal", "signal-later", "sync", "web", "web-waits"];
    for (const path of names) (await begun(server, `/${path}`)).destroy();
    for (;;) {
      const { closed } = await seen(server);
      if (closed.length < names.length) continue;
      assert.deepEqual(closed.sort(), names);
      break;
    }
    (await begun(server, "/broken-end")).destroy();
    assert.match(await server.line("told at the end"), /nobody handled it|told at the end/);
    assert.equal(await (await fetch(`${server.url}/lines`)).text(), "0ü\n1ü\n2ü\n");
  });

  test(`${name}: a client that does not read holds the stream`, async () => {
    await using server = await started("streams.js", flags, variables, runtime);
    const names = ["async", "node", "sync", "web"];
    const sockets = await Promise.all(names.map((path) => begun(server, `/${path}`)));
    const counts = async (): Promise<number[]> => {
      const { pulls } = await seen(server);
      return names.map((path) => pulls[path] ?? 0);
    };
    let [before, after]: [number[], number[]] = [[], await counts()];
    while (String(before) !== String(after)) {
      before = after;
      for (let times = 0; times < 20; times++) after = await counts();
    }
    for (const count of after) assert.ok(count * 65_536 < 64 << 20, String(after)); // what sockets hold, and no more
    for (const socket of sockets) socket.destroy();
  });
}

test("what fails before the first chunk is answered", async () => {
  const app = new App();
  app.get("/missing", function* () {
    throw new NotFound("no such report");
  });
  app.get("/broken", async function* () {
    throw new Error("secret");
  });
  app.get("/odd", ({ reply }) => reply([{ a: 1 }].values()));
  app.get("/locked", () => {
    const stream = new ReadableStream();
    stream.getReader();
    return stream;
  });
  app.get("/empty", function* () {});
  const client = new TestClient(app);
  const missing = await client.get("/missing");
  assert.deepEqual([missing.status, missing.json<{ detail: string }>().detail], [404, "no such report"]);
  for (const path of ["/broken", "/odd", "/locked"]) {
    const answer = await client.get(path);
    assert.deepEqual([answer.status, answer.text().includes("secret")], [500, false], path);
  }
  assert.deepEqual((await client.get("/empty")).bytes().length, 0);
});

test("an iterator is a stream; a list, a map and an object with items are values", async () => {
  const app = new App();
  app.get("/iterator", () => ["a", "b"].values());
  app.get("/async", () => ({ async *[Symbol.asyncIterator]() { yield "a"; yield new TextEncoder().encode("b"); } }));
  app.get("/list", () => ["a", "b"]);
  app.get("/set", () => new Set(["a", "b"]));
  const client = new TestClient(app);
  const texts = await Promise.all(["/iterator", "/async", "/list", "/set"].map(async (path) => (await client.get(path)).text()));
  assert.deepEqual(texts, ["ab", "ab", '["a","b"]', "{}"]);
});

test("app.fetch gives the whole of a stream, and closes one whose caller leaves", async () => {
  const app = new App();
  const events: string[] = [];
  const leaving = new AbortController();
  app.post("/upper", { body: { content: { "text/plain": true } } }, async function* ({ body, request }) {
    yield String(body).toUpperCase();
    yield ` ${request.text()}`;
  });
  app.get("/endless", async function* ({ signal }) {
    signal.addEventListener("abort", () => events.push(String(signal.reason)));
    try {
      yield "begun";
      leaving.abort();
      for (;;) yield await new Promise<string>((resolve) => setImmediate(resolve, "more"));
    } finally {
      events.push("closed");
    }
  });
  app.get("/late", function* () {
    yield "begun";
    throw new Error("secret");
  });
  const post = { method: "POST", body: "text", headers: { "content-type": "text/plain" } };
  assert.equal(await (await app.fetch(new Request("http://app/upper", post))).text(), "TEXT text");
  await assert.rejects(app.fetch(new Request("http://app/endless", { signal: leaving.signal })), { name: "AbortError" });
  while (events.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(events, ["AbortError: nobody waits for the rest of this answer", "closed"]);
  await assert.rejects(app.fetch(new Request("http://app/late")), (error: Error) => !error.message.includes("secret"));
});

test("the answer to HEAD asks a stream for no more than its beginning, and closes it", async () => {
  const app = new App();
  const events: string[] = [];
  app.get("/", function* () {
    try {
      for (;;) {
        events.push("asked");
        yield "part";
      }
    } finally {
      events.push("closed");
    }
  });
  const answer = await new TestClient(app).request("HEAD", "/");
  assert.deepEqual([answer.status, answer.bytes().length], [200, 0]);
  assert.deepEqual(events, ["asked", "closed"]);
});
