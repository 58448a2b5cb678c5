/** The benchmark's app as a user of Spikard writes it, with Zod. */

import { setTimeout as sleep } from "node:timers/promises";
import { App } from "spikard";
import { z } from "zod";

export const app = new App({ title: "Benchmark", version: "1.0.0" });

const Message = z.object({ message: z.string() });
const Item = z.object({
  sku: z.string().regex(/^[A-Z]{3}-[0-9]{4}$/),
  name: z.string().min(1).max(100),
  description: z.string(),
  price: z.number().min(0),
  quantity: z.int().min(0).max(1_000_000),
  tags: z.array(z.string()),
});

app.get("/json", { response: Message }, () => ({ message: "Hello, World!" }));

app.get("/json-async", { response: Message }, async () => ({ message: "Hello, World!" }));

app.get("/users/{id}/posts/{slug}", {
  params: z.object({ id: z.int(), slug: z.string() }),
  query: z.object({ limit: z.int().min(1).max(100).default(20), tag: z.array(z.string()) }),
  response: z.object({ id: z.int(), slug: z.string(), limit: z.int(), tags: z.array(z.string()) }),
}, ({ params, query }) => ({ id: params.id, slug: params.slug, limit: query.limit, tags: query.tag }));

app.post("/items", { body: Item, response: { 201: Item } }, ({ body }) => body);

app.get("/wait", { response: z.object({ ok: z.boolean() }) }, async () => {
  await sleep(1);
  return { ok: true };
});
