/**
 * Schemas of every make, and what they mean to TypeScript: each `@ts-expect-error` fails the build where the compiler finds
 * nothing wrong. The core's own checks are fixtures.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import { App, NotFound, reply, TestClient, type JsonSchema, type Output, type PathParams, type StandardSchema } from "spikard";
import { Type } from "typebox";
import * as v from "valibot";
import { z } from "zod";

/** Compiles only for `true`. */
function holds<_T extends true>(): void {}
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type IsAny<T> = 0 extends 1 & T ? true : false;

interface Item {
  name: string;
  tag?: string;
}

const MAKES = {
  zod: z.object({ name: z.string().min(2), tag: z.string().optional() }),
  valibot: toStandardJsonSchema(v.object({ name: v.pipe(v.string(), v.minLength(2)), tag: v.optional(v.string()) })),
  arktype: type({ name: "string>=2", "tag?": "string" }),
  typebox: Type.Object({ name: Type.String({ minLength: 2 }), tag: Type.Optional(Type.String()) }),
  plain: {
    type: "object", properties: { name: { type: "string", minLength: 2 }, tag: { type: "string" } }, required: ["name"],
  },
} as const;

const app = new App();
app.post("/zod", { body: MAKES.zod, response: MAKES.zod }, ({ body }) => ({ name: body.name.slice(1) }));
app.post("/valibot", { body: MAKES.valibot, response: MAKES.valibot }, ({ body }) => ({ name: body.name.slice(1) }));
app.post("/arktype", { body: MAKES.arktype, response: MAKES.arktype }, ({ body }) => ({ name: body.name.slice(1) }));
app.post("/typebox", { body: MAKES.typebox, response: MAKES.typebox }, ({ body }) => ({ name: body.name.slice(1) }));
app.post("/plain", { body: MAKES.plain, response: MAKES.plain }, ({ body }) => ({ name: body.name.slice(1) }));
const client = new TestClient(app);

for (const make of Object.keys(MAKES)) {
  test(`a schema of ${make} checks what comes and what leaves, and is in the document`, async () => {
    assert.deepEqual((await client.post(`/${make}`, { json: { name: "abc" } })).json(), { name: "bc" });
    const refused = await client.post(`/${make}`, { json: { name: "a" } });
    assert.deepEqual(refused.json<{ errors: { pointer: string; keyword: string }[] }>().errors.map(({ pointer, keyword }) => [pointer, keyword]), [["/name", "minLength"]]);
    assert.equal((await client.post(`/${make}`, { json: { name: "ab" } })).status, 500, "one character is too few to leave");
    const document = JSON.parse(app.openapi()) as { paths: Record<string, { post: { requestBody: { content: { "application/json": { schema: { properties: object } } } } } }> };
    const { properties } = document.paths[`/${make}`]!.post.requestBody.content["application/json"].schema;
    assert.deepEqual(Object.keys(properties).sort(), ["name", "tag"]);
  });
}

test("the types of schemas", () => {
  holds<Same<Output<typeof MAKES.zod>, { name: string; tag?: string | undefined }>>();
  holds<Same<Output<typeof MAKES.valibot>, { name: string; tag?: string | undefined }>>();
  holds<Same<Output<typeof MAKES.arktype>, Item>>();
  holds<Same<Output<typeof MAKES.typebox>, Item>>();
  holds<Same<Output<typeof MAKES.plain>, Item>>();
  holds<Same<Output<{ readonly type: readonly ["string", "null"] }>, string | null>>();
  holds<Same<Output<{ readonly oneOf: readonly [{ readonly const: 1 }, { readonly type: "boolean" }] }>, 1 | boolean>>();
  holds<Same<Output<{ readonly type: "object"; readonly additionalProperties: { readonly type: "integer" } }>, Record<string, number>>>();
  holds<Same<Output<{ readonly type: "array"; readonly prefixItems: readonly [{ readonly type: "string" }, { readonly enum: readonly [1, 2] }] }>, [string, 1 | 2]>>();
  holds<Same<Output<true>, unknown>>();
  holds<Same<PathParams<"/items/{id:int}/{*rest}">, { readonly id: number; readonly rest: string }>>();
  holds<Same<PathParams<"/items/:id">, { readonly id: string }>>();
  const Shapes = Type.Object({
    kind: Type.Union([Type.Literal("a"), Type.Literal("b")]),
    size: Type.Enum([1, 2]),
    point: Type.Tuple([Type.Number(), Type.Number()]),
    counts: Type.Record(Type.String(), Type.Integer()),
    both: Type.Intersect([Type.Object({ a: Type.Null() }), Type.Object({ b: Type.Boolean() })]),
    own: Type.Unsafe<Date>({}),
  });
  type Shape = Output<typeof Shapes>;
  holds<Same<Shape["kind"], "a" | "b">>();
  holds<Same<Shape["size"], 1 | 2>>();
  holds<Same<Shape["point"], [number, number]>>();
  holds<Same<Shape["counts"], Record<string, number>>>();
  holds<Same<Shape["both"]["a"] | Shape["both"]["b"], null | boolean>>();
  holds<Same<Shape["own"], Date>>();
  holds<Same<Output<StandardSchema<string, number>>, number>>();
  holds<Same<JsonSchema, object | boolean>>();
});

test("TypeBox's tuples are those of JSON Schema 2020-12", async () => {
  const app = new App();
  app.post("/", { body: Type.Tuple([Type.String(), Type.Number()]) }, ({ body: [name, count] }) => `${name.length} ${count + 1}`);
  const client = new TestClient(app);
  assert.equal((await client.post("/", { json: ["ab", 2] })).text(), "2 3");
  assert.equal((await client.post("/", { json: [2, "ab"] })).status, 422);
  assert.equal((await client.post("/", { json: ["ab", 2, 3] })).status, 422);
});

test("what a handler may not do is refused by the compiler", () => {
  const app = new App();
  const { zod: Item } = MAKES;
  app.get("/{id:int}", ({ params, body, query }) => {
    holds<Same<IsAny<typeof params> | IsAny<typeof body> | IsAny<typeof query> | IsAny<(typeof query)[string]>, false>>();
    // @ts-expect-error: a number has no such method
    params.id.toUpperCase;
    // @ts-expect-error: no such parameter
    params.idd;
    // @ts-expect-error: a route without a body gives none
    body.name;
    // @ts-expect-error: parameters are not assigned to
    params.id = 1;
  });
  app.get("/query", { query: z.object({ tag: z.string().optional(), limit: z.int().default(1) }) }, ({ query }) => {
    query.limit.toFixed();
    // @ts-expect-error: it may not have been sent
    query.tag.length;
    // @ts-expect-error: it is not declared
    query.other;
  });
  app.post("/optional", { body: { content: { "application/json": Item }, required: false } }, ({ body }) => {
    // @ts-expect-error: it may not have been sent
    body.name;
  });
  for (const [at, Schema] of Object.values(MAKES).entries()) {
    // @ts-expect-error: the name is missing
    app.get(`/one/${at}`, { response: Schema }, () => ({ tag: "x" }));
  }
  // @ts-expect-error: the name is no number
  app.get("/zod", { response: MAKES.zod }, () => ({ name: 1 }));
  // @ts-expect-error: the name is no number
  app.get("/valibot", { response: MAKES.valibot }, async () => ({ name: 1 }));
  // @ts-expect-error: the name is no number
  app.get("/arktype", { response: MAKES.arktype }, () => ({ name: 1 }));
  // @ts-expect-error: the name is no number
  app.get("/typebox", { response: MAKES.typebox }, async () => ({ name: 1 }));
  // @ts-expect-error: the name is no number
  app.get("/plain", { response: MAKES.plain }, () => ({ name: 1 }));
  // @ts-expect-error: no response has this shape
  app.get("/by-status", { response: { 200: Item, 202: z.object({ job: z.int() }) } }, () => ({ job: "1" }));
  // @ts-expect-error: a reply's content is checked too
  app.get("/reply", { response: { 201: Item } }, () => reply({ tag: "x" }, { status: 201 }));
  // @ts-expect-error: an option that no route has
  app.get("/option", { respons: Item }, () => "");
  // @ts-expect-error: a status is a number
  app.get("/status", { status: "201" }, () => "");
  // @ts-expect-error: a route has a handler
  assert.throws(() => app.get("/none", {}), /GET \/none has no handler/);
});

test("what an app, a problem and a client may not be given is refused by the compiler", () => {
  // @ts-expect-error: an option that no app has
  assert.throws(() => new App({ titel: "x" }));
  // @ts-expect-error: a limit is a number
  const limits = () => new App({ bodyLimit: "1 MB" });
  // @ts-expect-error: an option that no group has
  assert.throws(() => new App().group("/items", { tag: ["x"] }));
  // @ts-expect-error: a detail is text
  const detail = () => new NotFound(7);
  // @ts-expect-error: an option that no request has
  const request = () => new TestClient(app).get("/", { querry: {} });
  // @ts-expect-error: what `json()` gives is unknown until the test says what it expects
  const unknown = async () => (await client.get("/")).json().name;
  assert.ok([limits, detail, request, unknown].every((never) => typeof never === "function"));
});

test("no declaration of the package says any", () => {
  const folder = new URL("./", import.meta.resolve("spikard"));
  const files = readdirSync(folder).filter((name) => name.endsWith(".d.ts"));
  assert.ok(files.includes("index.d.ts"));
  for (const name of files) {
    const code = readFileSync(new URL(name, folder), "utf8").replace(/\/\*[\s\S]*?\*\/|"[^"]*"/g, "");
    assert.doesNotMatch(code, /\bany\b/, fileURLToPath(new URL(name, folder)));
  }
});
