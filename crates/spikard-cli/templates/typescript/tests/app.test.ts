/** The app through the test client: the real server code without a socket. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { TestClient } from "spikard";
import { app } from "../app.ts";

const client = new TestClient(app);

test("someone is greeted", async () => {
  const answer = await client.get("/hello/Ada");
  assert.deepEqual(answer.json(), { message: "hello Ada" });
});

test("an order is taken", async () => {
  const answer = await client.post("/orders", { json: { sku: "BLT-0001", quantity: 3 } });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.json(), { sku: "BLT-0001", quantity: 3, total_cents: 750 });
});

test("a wrong order is refused with every reason", async () => {
  const answer = await client.post("/orders", { json: { sku: "bolt", quantity: 0 } });
  assert.equal(answer.status, 422);
  const { errors } = answer.json<{ errors: { pointer: string }[] }>();
  assert.deepEqual(errors.map((violation) => violation.pointer), ["/sku", "/quantity"]);
});
