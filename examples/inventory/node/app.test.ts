/** The app through the test client: each test has a database of its own. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { TestClient } from "spikard";
import { app } from "./app.ts";

const BOLT = { sku: "BLT-0001", name: "Bolt M6", price: 0.25, quantity: 400, tags: ["metal"] };
const NUT = { sku: "NUT-0001", name: "Nut M6", price: 0.1, quantity: 900, tags: ["metal", "small"] };
const GLUE = { sku: "GLU-0001", name: "Glue", price: 7, quantity: 3 };

process.env.INVENTORY_DB = ":memory:";

interface Answer {
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly { readonly pointer: string; readonly keyword: string }[];
}

function withClient(name: string, run: (client: TestClient) => Promise<void>): void {
  test(name, async () => {
    const client = await TestClient.open(app);
    try {
      await run(client);
    } finally {
      await client.close();
    }
  });
}

withClient("create, then show", async (client) => {
  const created = await client.post("/items", { json: BOLT });
  assert.deepEqual([created.status, created.headers.get("location"), created.headers.get("etag")], [201, "/items/1", '"1"']);
  const shown = await client.get("/items/1");
  assert.deepEqual(shown.json(), { id: 1, ...BOLT });
  assert.deepEqual(created.json(), shown.json());
  assert.equal(shown.headers.get("etag"), '"1"');
});

withClient("tags are optional", async (client) => {
  assert.deepEqual((await client.post("/items", { json: GLUE })).json<{ tags: string[] }>().tags, []);
});

withClient("search", async (client) => {
  for (const json of [BOLT, NUT, GLUE]) assert.equal((await client.post("/items", { json })).status, 201);
  const cases = [
    [{}, [1, 2, 3], 3],
    [{ tag: "metal" }, [1, 2], 2],
    [{ max_price: 0.2 }, [2], 1],
    [{ tag: "metal", max_price: 0.2 }, [2], 1],
    [{ limit: 1, offset: 1 }, [2], 3],
    [{ tag: "wood" }, [], 0],
  ] as const;
  for (const [query, ids, total] of cases) {
    const page = (await client.get("/items", { query })).json<{ items: { id: number }[]; total: number }>();
    assert.deepEqual([page.items.map((item) => item.id), page.total], [ids, total]);
  }
});

withClient("what is not an item", async (client) => {
  const cases = [
    [{ sku: "bolt" }, "/sku", "pattern"],
    [{ name: "" }, "/name", "minLength"],
    [{ price: -1 }, "/price", "minimum"],
    [{ quantity: 1.5 }, "/quantity", "type"],
    [{ quantity: 2 ** 63 }, "/quantity", "maximum"],
    [{ tags: ["a", 1] }, "/tags/1", "type"],
  ] as const;
  for (const [change, pointer, keyword] of cases) {
    const answer = await client.post("/items", { json: { ...BOLT, ...change } });
    assert.equal(answer.status, 422);
    assert.deepEqual(answer.json<Answer>().errors.map((error) => [error.pointer, error.keyword]), [[pointer, keyword]]);
  }
  assert.equal((await client.get("/items")).json<{ total: number }>().total, 0);
});

withClient("limits of a page", async (client) => {
  const answer = await client.get("/items", { query: { limit: 101, offset: -1 } });
  assert.deepEqual(answer.json<Answer>().errors.map((error) => error.pointer), ["/limit", "/offset"]);
});

withClient("numbers that no database holds", async (client) => {
  for (const target of ["/items/0", `/items/${2n ** 63n}`, `/items/${10n ** 4000n}`, `/items?offset=${2n ** 64n}`]) {
    assert.equal((await client.get(target)).status, 422, target);
  }
});

withClient("a sku belongs to one item", async (client) => {
  await client.post("/items", { json: BOLT });
  const answer = await client.post("/items", { json: BOLT });
  assert.deepEqual([answer.status, answer.json<Answer>().code], [409, "conflict"]);
});

withClient("replace only what was seen", async (client) => {
  await client.post("/items", { json: BOLT });
  const replaced = await client.put("/items/1", { json: NUT, headers: { "if-match": '"1"' } });
  assert.deepEqual([replaced.json(), replaced.headers.get("etag")], [{ id: 1, ...NUT }, '"2"']);
  const stale = await client.put("/items/1", { json: BOLT, headers: { "if-match": '"1"' } });
  assert.deepEqual([stale.status, stale.json<Answer>().detail], [412, 'the item has changed: its etag is "2"']);
  const blind = await client.put("/items/1", { json: BOLT });
  assert.deepEqual([blind.status, blind.json<Answer>().detail], [412, "send if-match with the etag of the item"]);
  assert.equal((await client.get("/items/1")).json<{ sku: string }>().sku, NUT.sku);
});

withClient("remove", async (client) => {
  await client.post("/items", { json: BOLT });
  assert.equal((await client.delete("/items/1")).status, 412);
  const removed = await client.delete("/items/1", { headers: { "if-match": '"1"' } });
  assert.deepEqual([removed.status, removed.text()], [204, ""]);
  const gone = await client.get("/items/1");
  assert.deepEqual([gone.status, gone.json<Answer>().detail], [404, "no item 1"]);
});

withClient("unknown items", async (client) => {
  for (const method of ["GET", "PUT", "DELETE"]) {
    const body = method === "PUT" ? { json: BOLT } : {};
    const answer = await client.request(method, "/items/7", { headers: { "if-match": '"1"' }, ...body });
    assert.equal(answer.json<Answer>().code, "not-found");
  }
});

withClient("every language serves the same document", async (client) => {
  const document = readFileSync(new URL("../contract.openapi.json", import.meta.url), "utf8");
  assert.equal((await client.get("/openapi.json")).text(), document.trimEnd());
});
