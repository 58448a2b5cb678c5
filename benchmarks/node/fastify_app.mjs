/** The benchmark's app in Fastify, with JSON Schema as its users write it: Ajv checks what comes, and what leaves is written by its schema. */

import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";

const app = Fastify();
const text = { type: "string" };
const Message = { type: "object", properties: { message: text }, required: ["message"] };
const Post = {
  type: "object",
  properties: { id: { type: "integer" }, slug: text, limit: { type: "integer" }, tags: { type: "array", items: text } },
  required: ["id", "slug", "limit", "tags"],
};
const Item = {
  type: "object",
  properties: {
    sku: { type: "string", pattern: "^[A-Z]{3}-[0-9]{4}$" },
    name: { type: "string", minLength: 1, maxLength: 100 },
    description: text,
    price: { type: "number", minimum: 0 },
    quantity: { type: "integer", minimum: 0, maximum: 1_000_000 },
    tags: { type: "array", items: text },
  },
  required: ["sku", "name", "description", "price", "quantity", "tags"],
};
const params = { type: "object", properties: { id: { type: "integer" }, slug: text }, required: ["id", "slug"] };
const querystring = {
  type: "object",
  properties: { limit: { type: "integer", minimum: 1, maximum: 100, default: 20 }, tag: { type: "array", items: text } },
  required: ["tag"],
};

app.get("/json", { schema: { response: { 200: Message } } }, (request, reply) => {
  reply.send({ message: "Hello, World!" });
});

app.get("/json-async", { schema: { response: { 200: Message } } }, async () => ({ message: "Hello, World!" }));

app.get("/users/:id/posts/:slug", { schema: { params, querystring, response: { 200: Post } } }, (request, reply) => {
  const { id, slug } = request.params;
  reply.send({ id, slug, limit: request.query.limit, tags: request.query.tag });
});

app.post("/items", { schema: { body: Item, response: { 201: Item } } }, (request, reply) => {
  reply.code(201).send(request.body);
});

const Waited = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };
app.get("/wait", { schema: { response: { 200: Waited } } }, async () => {
  await sleep(1);
  return { ok: true };
});

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
