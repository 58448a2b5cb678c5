/** When Zod runs. What it then does is Zod's; that it is called at all is `app.test.ts`'. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { App, TestClient } from "spikard";
import { z } from "zod";

/** How often a schema was asked, told by a wrapper around its `validate`. */
function counted<S extends z.ZodType>(schema: S): { schema: S; runs: () => number } {
  const standard = schema["~standard"];
  let runs = 0;
  const validate: typeof standard.validate = (value, options) => {
    runs += 1;
    return standard.validate(value, options);
  };
  Object.defineProperty(schema, "~standard", { value: { ...standard, validate, jsonSchema: standard.jsonSchema } });
  return { schema, runs: () => runs };
}

const Tag = z.object({ name: z.string().min(1), weight: z.number().optional() });
const Plain = z.object({
  id: z.int().min(1),
  sku: z.string().regex(/^[A-Z]{3}$/).nullable(),
  kind: z.enum(["a", "b"]),
  size: z.union([z.literal("S"), z.literal("L"), z.int()]),
  tags: z.array(Tag),
  counts: z.record(z.string(), z.int()),
  note: z.string().optional(),
  more: z.unknown(),
});
const value = { id: 1, sku: null, kind: "a", size: "S", tags: [{ name: "x" }, { name: "y", weight: 0.5 }], counts: { a: 1 }, more: { any: [1] } };

const CASES: readonly (readonly [about: string, schema: z.ZodType, body: string, runs: boolean])[] = [
  ["the JSON Schema says all", Plain, JSON.stringify(value), false],
  ["a scalar", z.int(), "1", false],
  ["a list of scalars", z.array(z.number().max(3)), "[1, 2.5]", false],
  ["a default that was sent", z.object({ a: z.int().default(1) }), '{"a":2}', false],
  ["a default that was not", z.object({ a: z.int().default(1) }), "{}", true],
  ["an optional default", z.object({ a: z.int().default(1).optional() }), "{}", true],
  ["a member too many", Plain, JSON.stringify({ ...value, other: 1 }), true],
  ["one too many further in", Plain, JSON.stringify({ ...value, tags: [{ name: "x", other: 1 }] }), true],
  ["one too many, one too few", z.object({ a: z.int().optional() }), '{"b":1}', true],
  ["a member with the name of a method", z.object({ toString: z.string().optional() }), '{"b":1}', true],
  ["the name of the prototype", z.object({ a: z.int().optional() }), '{"__proto__":{"b":1}}', true],
  ["the name of the prototype in a record", z.record(z.string(), z.unknown()), '{"__proto__":{"b":1}}', true],
  ["an object that refuses more", z.strictObject({ a: z.int() }), '{"a":1,"b":2}', true],
  ["an object that takes more", z.looseObject({ a: z.int() }), '{"a":1}', true],
  ["an integer above 2^53", Plain, JSON.stringify(value).replace('"id":1', '"id":9007199254740993'), true],
  ["an integer by its exponent", z.int(), "1e300", true],
  ["a refinement", z.object({ a: z.string().refine((text) => text !== "b") }), '{"a":"x"}', true],
  ["a refinement of the whole", z.object({ a: z.string() }).refine(() => true), '{"a":"x"}', true],
  ["a transformation", z.array(z.string().transform((text) => text.length)), '["x"]', true],
  ["trimmed text", z.object({ a: z.string().trim() }), '{"a":"x"}', true],
  ["a format", z.object({ a: z.email() }), '{"a":"a@example.com"}', true],
  ["a record of the names of an enum", z.record(z.enum(["a", "b"]), z.int()), '{"a":1,"b":2}', true],
  ["a union of objects", z.union([z.object({ a: z.int() }), z.object({ b: z.int() })]), '{"a":1}', true],
  ["a frozen value", z.object({ a: z.int() }).readonly(), '{"a":1}', true],
];

for (const [about, schema, body, runs] of CASES) {
  test(`Zod ${runs ? "runs" : "does not run"}: ${about}`, async () => {
    const observed = counted(schema);
    const app = new App();
    app.post("/", { body: observed.schema }, ({ body }) => [body]);
    const answer = await new TestClient(app).post("/", { body, headers: { "content-type": "application/json" } });
    assert.ok([200, 422].includes(answer.status), answer.text());
    assert.equal(observed.runs() > 0, runs, answer.text());
    // Whether it ran or not, the handler has what Zod makes of the value.
    const parsed = z.safeParse(schema, JSON.parse(body));
    if (answer.status === 200 && parsed.success) assert.deepEqual(answer.json(), JSON.parse(JSON.stringify([parsed.data])));
  });
}

test("Zod does not run for parameters that the core has typed and completed", async () => {
  const query = counted(z.object({ limit: z.int().max(9).default(5), tag: z.array(z.string()).optional() }));
  const app = new App();
  app.get("/", { query: query.schema }, ({ query }) => query);
  const client = new TestClient(app);
  assert.deepEqual((await client.get("/")).json(), { limit: 5 });
  assert.deepEqual((await client.get("/?limit=7&tag=a")).json(), { limit: 7, tag: ["a"] });
  assert.equal(query.runs(), 0);
});
