/** A served app over sockets: answers, leaving clients, closing. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { App, TestClient } from "spikard";

test("serves, and closes when asked", async () => {
  const events: string[] = [];
  const app = new App({ lifespan: () => { events.push("open"); return () => { events.push("close"); }; } });
  app.get("/", async ({ request }) => {
    await sleep(1);
    return request.client?.startsWith("127.0.0.1:");
  });
  const { port, closed } = await app.listen({ port: 0 });
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`http://127.0.0.1:${port}/`)));
  assert.deepEqual(new Set(await Promise.all(answers.map((answer) => answer.text()))), new Set(["true"]));
  await app.close();
  await closed;
  assert.deepEqual(events, ["open", "close"]);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
});

test("a request that takes very many reads does not stay where it is", async () => {
  const app = new App({ targetLimit: 2_000_000, headerLimit: 4_000_000 });
  app.get("/", () => "read");
  const { port } = await app.listen({ port: 0 });
  const target = `/?${"&".repeat(1_000_000)}v=1`;
  for (let times = 0; times < 30; times++) {
    const asked = get({ port, path: target, agent: false, signal: AbortSignal.timeout(10_000) });
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    assert.equal(await text(answer), "read", `the ${times}th time`);
  }
  await app.close();
});

test("twenty times open and closed", async () => {
  const app = new App();
  app.get("/", () => "again");
  for (let times = 0; times < 20; times++) {
    const { port } = await app.listen({ port: 0 });
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "again");
    await app.close();
  }
});

test("a taken port says who has it", async () => {
  const app = new App();
  const { port } = await app.listen({ port: 0 });
  await assert.rejects(new App().listen({ port }), /is in use by/);
  await app.close();
});

test("where the code says to listen goes before the environment", async () => {
  const environment = { SPIKARD_HOST: "nowhere.invalid", SPIKARD_PORT: "1", SPIKARD_UDS: "/nowhere/app.sock" };
  Object.assign(process.env, environment);
  try {
    const app = new App();
    const { port } = await app.listen({ host: "127.0.0.1", port: 0 });
    assert.equal((await fetch(`http://127.0.0.1:${port}/health/live`)).status, 200);
    await app.close();
    delete process.env.SPIKARD_UDS;
    Object.assign(process.env, { SPIKARD_HOST: "127.0.0.1", SPIKARD_PORT: "0" });
    const open = new App();
    const chosen = await open.listen();
    assert.equal((await fetch(`http://127.0.0.1:${chosen.port}/health/live`)).status, 200);
    await open.close();
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
  }
});

test("the signal tells that the client left", async () => {
  const app = new App();
  let told: (reason: unknown) => void = () => undefined;
  const left = new Promise((resolve) => { told = resolve; });
  let begun: () => void = () => undefined;
  const began = new Promise<void>((resolve) => { begun = resolve; });
  app.get("/", async ({ signal }) => {
    signal.addEventListener("abort", () => told(signal.reason));
    begun();
    await left;
    return "late";
  });
  const { port } = await app.listen({ port: 0 });
  const socket = connect(port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await began;
  socket.destroy();
  const reason = await left;
  assert.ok(reason instanceof DOMException && reason.name === "AbortError", String(reason));
  await app.close();
});

test("the signal tells that the client left in process", async () => {
  const app = new App();
  const leaving = new AbortController();
  const reason = new Promise<unknown>((told) => {
    app.get("/", async ({ signal }) => {
      leaving.abort();
      await once(signal, "abort");
      told(signal.reason);
    });
  });
  await assert.rejects(new TestClient(app).get("/", { signal: leaving.signal }), { name: "AbortError" });
  assert.equal(String(await reason), "AbortError: the client left");
});

test("the signal tells that the handler's time is over", async () => {
  const app = new App();
  const reason = new Promise<unknown>((told) => {
    app.get("/", { handlerTimeoutMs: 50 }, async ({ signal }) => {
      await once(signal, "abort");
      told(signal.reason);
    });
  });
  const { port } = await app.listen({ port: 0 });
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 504);
  assert.equal(String(await reason), "AbortError: the handler took too long");
  await app.close();
});

test("a request can be read after the handler has waited", async () => {
  const app = new App();
  app.post("/", async ({ request }) => {
    await sleep(2);
    return [request.method, request.target, request.headers.get("x-a"), request.text()];
  });
  const answer = await new TestClient(app).post("/?a=1", { body: "body", headers: { "x-a": "1, 2" } });
  assert.deepEqual(answer.json(), ["POST", "/?a=1", "1, 2", "body"]);
});

test("handlers that wait run side by side, and one that is fast does not wait for them", async () => {
  const app = new App();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => { release = resolve; });
  app.get("/slow", () => held.then(() => "slow"));
  app.get("/fast", () => "fast");
  const client = new TestClient(app);
  const slow = Array.from({ length: 10 }, () => client.get("/slow"));
  assert.equal((await client.get("/fast")).text(), "fast");
  release();
  assert.deepEqual(new Set((await Promise.all(slow)).map((answer) => answer.text())), new Set(["slow"]));
});

test("a promise that is settled already answers before the next request is called, one that is not costs nobody's time", async () => {
  const app = new App();
  const calls: string[] = [];
  app.get("/async/{id}", async ({ params }) => {
    calls.push(`called ${params.id}`);
    await null;
    calls.push(`answers ${params.id}`);
    return "async";
  });
  app.get("/waits/{id}", async ({ params }) => {
    calls.push(`called ${params.id}`);
    await sleep(1);
    calls.push(`answers ${params.id}`);
    return "waits";
  });
  app.get("/", () => { calls.push("at once"); });
  const pipelined = (...targets: readonly string[]): Promise<Uint8Array> => {
    const message = targets.map((target) => `GET ${target} HTTP/1.1\r\nhost: a\r\n\r\n`).join("");
    return new TestClient(app).bytes(Buffer.from(message));
  };
  // Each connection goes on after its first answer before the next one begins: that answer has cost no turn.
  await Promise.all([pipelined("/async/1", "/async/2"), pipelined("/")]);
  assert.deepEqual(calls.splice(0), ["called 1", "answers 1", "called 2", "answers 2", "at once"]);
  await Promise.all([pipelined("/waits/3", "/waits/4"), pipelined("/")]);
  assert.deepEqual(calls.splice(0), ["called 3", "at once", "answers 3", "called 4", "answers 4"]);
});

test("AsyncLocalStorage holds per request", async () => {
  const app = new App();
  const store = new AsyncLocalStorage<string>();
  app.get("/{id}", ({ params }) => store.run(params.id, async () => {
    await sleep(Number(params.id) % 3);
    await null;
    return store.getStore();
  }));
  const { port } = await app.listen({ port: 0 });
  const ids = Array.from({ length: 30 }, (_, id) => String(id));
  const answers = await Promise.all(ids.map(async (id) => (await fetch(`http://127.0.0.1:${port}/${id}`)).text()));
  assert.deepEqual(answers, ids);
  await app.close();
});

test("what a handler sets by enterWith does not reach the next request", async () => {
  const app = new App();
  const store = new AsyncLocalStorage<string>();
  app.get("/sync/{id}", ({ params }) => {
    const before = store.getStore() ?? "nothing";
    store.enterWith(params.id);
    return before;
  });
  app.get("/async/{id}", async ({ params }) => {
    const before = store.getStore() ?? "nothing";
    store.enterWith(params.id);
    await null;
    return `${before} ${store.getStore()}`;
  });
  const targets = ["/sync/1", "/sync/2", "/async/3", "/async/4"];
  const pipelined = targets.map((target) => `GET ${target} HTTP/1.1\r\nhost: a\r\n\r\n`).join("");
  const answer = Buffer.from(await new TestClient(app).bytes(Buffer.from(pipelined))).toString();
  assert.deepEqual(answer.match(/nothing( \d)?|^\d$/gm), ["nothing", "nothing", "nothing 3", "nothing 4"]);
});
