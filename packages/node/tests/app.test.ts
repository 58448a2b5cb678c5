/** Routes, answers and mistakes of an app, through the test client. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { App, Conflict, DefinitionError, NotFound, parseJson, Problem, reply, TestClient } from "spikard";
import { z } from "zod";
import { program } from "./started.js";

test("plain values, text, bytes and nothing are answers", async () => {
  const app = new App();
  app.get("/json", () => ({ a: [1, null] }));
  app.get("/text", async () => "text");
  app.get("/bytes", () => new Uint8Array([1, 2]));
  app.get("/nothing", () => undefined);
  const client = new TestClient(app);
  const answers = await Promise.all(["/json", "/text", "/bytes", "/nothing"].map((path) => client.get(path)));
  assert.deepEqual(
    answers.map((answer) => [answer.status, answer.headers.get("content-type"), answer.text()]),
    [
      [200, "application/json", '{"a":[1,null]}'],
      [200, "text/plain; charset=utf-8", "text"],
      [200, "application/octet-stream", "\u0001\u0002"],
      [204, null, ""],
    ],
  );
});

test("parameters come typed, and what breaks the schema never reaches the handler", async () => {
  const app = new App();
  let calls = 0;
  app.get("/items/{id}", {
    params: z.object({ id: z.int().min(1) }),
    query: z.object({ tag: z.array(z.string()).optional(), limit: z.int().max(100).default(20) }),
    headers: z.object({ "x-tenant": z.string() }),
    cookies: z.object({ seen: z.boolean().optional() }),
  }, ({ params, query, headers, cookies }) => {
    calls += 1;
    return { params, query, headers, cookies };
  });
  const client = new TestClient(app);
  const good = await client.get("/items/3", { query: { tag: ["a", "b"] }, headers: { "X-Tenant": "t" }, cookies: { seen: "true" } });
  assert.deepEqual(good.json(), {
    params: { id: 3 }, query: { tag: ["a", "b"], limit: 20 }, headers: { "x-tenant": "t" }, cookies: { seen: true },
  });
  const bad = await client.get("/items/0", { query: { limit: 101 } });
  const errors = bad.json<{ errors: { in: string; pointer: string }[] }>().errors;
  assert.deepEqual(errors.map((error) => [error.in, error.pointer]), [["path", "/id"], ["query", "/limit"], ["header", "/x-tenant"]]);
  assert.equal(calls, 1);
});

test("lists of every length come in their places", async () => {
  const numbers = z.array(z.int()).optional();
  const app = new App();
  app.get("/", {
    parameters: [{ name: "h", in: "header", schema: { type: "array", items: { type: "integer" } } }],
    query: z.object({ a: numbers, word: z.string().optional(), b: numbers }),
  }, ({ query, headers }) => [query.a ?? null, query.word ?? null, query.b ?? null, headers["h"] ?? null]);
  const client = new TestClient(app);
  const list = (length: number) => Array.from({ length }, (_, at) => at);
  for (const [a, b] of [[0, 0], [1, 0], [0, 2], [3, 4], [32, 33], [33, 1], [1, 500]] as const) {
    const answer = await client.get("/", { query: { a: list(a), word: "w", b: list(b) }, headers: { h: "7, 8" } });
    assert.deepEqual(answer.json(), [a === 0 ? null : list(a), "w", b === 0 ? null : list(b), [7, 8]], `${a} and ${b}`);
  }
});

test("parameters come where Node forbids to make code from text", () => {
  const words = ["--disallow-code-generation-from-strings", program("parameters.js")];
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", timeout: 30_000 });
  assert.deepEqual([stdout, stderr], ['{"params":{"id":1},"query":{"b":["x","y"],"it\'s \\"d\\"":""}}\n', ""]);
  assert.equal(spawnSync(process.execPath, words.slice(1), { encoding: "utf8", timeout: 30_000 }).stdout, stdout);
});

test("a body is checked, completed and stripped before the handler, and the answer before the client", async () => {
  const Item = z.object({ sku: z.string().regex(/^[A-Z]{3}$/), tags: z.array(z.string()).default([]) });
  const app = new App();
  app.post("/items", { body: Item, response: { 201: Item } }, ({ body }) => reply(body, { status: 201, headers: { location: "/items/1" } }));
  app.get("/broken", { response: Item }, () => ({ sku: "ABC" }) as unknown as z.infer<typeof Item>);
  const client = new TestClient(app);
  const created = await client.post("/items", { json: { sku: "ABC", other: 1 } });
  assert.deepEqual([created.status, created.headers.get("location"), created.json()], [201, "/items/1", { sku: "ABC", tags: [] }]);
  assert.equal((await client.post("/items", { json: { sku: "abc" } })).status, 422);
  const broken = await client.get("/broken");
  assert.deepEqual([broken.status, broken.json<{ code: string }>().code], [500, "response-invalid"]);
});

test("a refinement and a transformation run after the contract", async () => {
  const app = new App();
  const Range = z.object({ from: z.int(), to: z.int() }).refine((range) => range.from <= range.to, { path: ["to"], message: "must not be before from" });
  app.post("/ranges", { body: Range }, ({ body }) => body.to - body.from);
  app.get("/upper", { query: z.object({ word: z.string().transform((word) => word.length) }) }, ({ query }) => query.word + 1);
  const client = new TestClient(app);
  assert.equal((await client.post("/ranges", { json: { from: 1, to: 4 } })).json(), 3);
  const refused = await client.post("/ranges", { json: { from: 4, to: 1 } });
  assert.deepEqual(refused.json<{ errors: unknown }>().errors, [
    { in: "body", pointer: "/to", keyword: "convert", message: "must not be before from", params: {} },
  ]);
  assert.equal((await client.get("/upper?word=four")).json(), 5);
});

test("a schema of one media type is for bodies of that type only", async () => {
  const app = new App();
  const text = z.string().transform((word) => word.length);
  app.post("/one", { body: { content: { "application/json": z.object({ word: text }) } } }, ({ body }) => body.word + 1);
  app.post("/many", {
    body: { content: { "application/json": z.object({ word: text }), "application/merge-patch+json": z.object({ word: z.string() }), "text/*": true } },
  }, ({ body }) => [typeof body === "string" || body instanceof Uint8Array ? body : body.word]);
  const client = new TestClient(app);
  const send = async (path: string, type: string, body: string) =>
    (await client.post(path, { body, headers: { "content-type": type } })).json();
  assert.equal(await send("/one", "application/json", '{"word":"four"}'), 5);
  assert.deepEqual(await send("/many", "application/json; charset=utf-8", '{"word":"four"}'), [4]);
  assert.deepEqual(await send("/many", "application/merge-patch+json", '{"word":"four"}'), ["four"]);
  assert.deepEqual(await send("/many", "text/plain", "four"), ["four"]);
});

test("problems reach the client, other errors do not", async (context) => {
  const app = new App();
  class OutOfStock extends Problem {
    constructor(detail: string) {
      super(detail, { code: "out-of-stock", status: 409, title: "Out of stock", extensions: { sku: "ABC" } });
    }
  }
  app.get("/missing", () => { throw new NotFound("no item 7", { headers: { "x-a": "1" } }); });
  app.get("/own", async () => { throw new OutOfStock("none left"); });
  app.get("/returned", () => new Conflict("the sku is taken"));
  app.get("/throws", () => { throw new Error("secret"); });
  app.get("/rejects", async () => { await null; throw "secret"; });
  app.get("/nonsense", () => Symbol("secret"));
  const client = new TestClient(app);
  const said = async (path: string) => {
    const answer = await client.get(path);
    const { code, detail, sku } = answer.json<{ code: string; detail?: string; sku?: string }>();
    return [answer.status, code, detail, sku, answer.text().includes("secret")];
  };
  assert.deepEqual(await said("/missing"), [404, "not-found", "no item 7", undefined, false]);
  assert.equal((await client.get("/missing")).headers.get("x-a"), "1");
  assert.deepEqual(await said("/own"), [409, "out-of-stock", "none left", "ABC", false]);
  assert.deepEqual(await said("/returned"), [409, "conflict", "the sku is taken", undefined, false]);
  for (const path of ["/throws", "/rejects", "/nonsense"]) {
    assert.deepEqual(await said(path), [500, "internal", undefined, undefined, false], path);
  }
  context.diagnostic("the causes stand in the log above");
});

test("groups share prefix, tags and policy", async () => {
  const app = new App();
  const items = app.group("/items", { tags: ["items"], bodyLimit: 4 });
  items.get("/", () => "list");
  items.group("/{id:int}").post("/lines", { body: { content: { "text/*": true } } }, ({ params, body }) => `${params.id + 1} ${body}`);
  const client = new TestClient(app);
  assert.equal((await client.get("/items")).text(), "list");
  const lines = (body: string) => client.post("/items/2/lines", { body, headers: { "content-type": "text/plain" } });
  assert.equal((await lines("four")).text(), "3 four");
  assert.equal((await lines("fives")).status, 413);
  const operation = (JSON.parse(app.openapi()) as { paths: { "/items": { get: { tags: string[] } } } }).paths["/items"].get;
  assert.deepEqual(operation.tags, ["items"]);
});

test("every mistake is told at once, with its place", () => {
  const app = new App();
  app.get("/items/{id}", { params: z.object({ idd: z.string() }) }, () => "");
  app.get("/items/{id}", { bdy: true } as object, () => "");
  assert.throws(() => app.freeze(), (error) => {
    assert.ok(error instanceof DefinitionError);
    const text = error.mistakes.join("\n");
    assert.match(text, /app\.test\.[jt]s:\d+: GET \/items\/\{id\}: parameter "idd" is not in the path; did you mean "id"\?/);
    assert.match(text, /unknown option "bdy"; allowed: params/);
    return true;
  });
  assert.throws(() => new App({ titel: "x" } as object), /unknown option "titel"/);
});

test("an integer keeps every digit, in and out", async () => {
  const app = new App();
  app.post("/echo", { body: true }, ({ body }) => body);
  app.get("/{n}", { parameters: [{ name: "n", in: "path", schema: { type: "integer" } }] }, ({ params }) => [params.n]);
  const client = new TestClient(app);
  const text = '{"n":18446744073709551615,"s":"18446744073709551615","list":[-9007199254740993,1.5]}';
  const answer = await client.post("/echo", { body: text, headers: { "content-type": "application/json" } });
  assert.equal(answer.text(), text);
  assert.equal((await client.get("/-9223372036854775808")).text(), "[-9223372036854775808]");
  assert.equal((await client.get("/123456789012345678901234567890")).text(), "[123456789012345678901234567890]");
});

test("an integer keeps every digit wherever it stands in the text", () => {
  for (let before = 0; before < 40; before++) {
    const text = `"${"x".repeat(before)}"`;
    assert.deepEqual(parseJson(`[${text},9007199254740993]`), ["x".repeat(before), 9007199254740993n], `after ${before}`);
    assert.deepEqual(parseJson(`[${text},123456789012345]`), ["x".repeat(before), 123456789012345], `after ${before}`);
  }
});

test("app.fetch follows the Fetch convention", async () => {
  const app = new App();
  app.post("/echo", { body: true }, ({ body, request }) => reply({ body, host: request.headers.get("host") }).cookie("a", "1").cookie("b", "2"));
  const response = await app.fetch(new Request("http://shop.test/echo", {
    method: "POST", body: "[1]", headers: { "content-type": "application/json" },
  }));
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { body: [1], host: "shop.test" });
  assert.equal(response.headers.getSetCookie().length, 2);
});
