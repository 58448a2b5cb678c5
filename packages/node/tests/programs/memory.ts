/** An app with a handler of each kind, for `memory.test.ts`. */

import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { App, NotFound } from "spikard";
import { z } from "zod";

const app = new App();
const store = new AsyncLocalStorage<Uint8Array>();
const Item = z.object({ name: z.string(), tags: z.array(z.string()) });

app.get("/sync", { query: z.object({ tag: z.array(z.string()) }) }, ({ query }) => ({ message: "Hello, World!", tags: query.tag }));
app.get("/async", async () => ({ message: "Hello, World!" }));
app.get("/stored", () => store.run(new Uint8Array(1_000), async () => {
  await null;
  return `${store.getStore()?.length}`;
}));
app.get("/suspended", async ({ request, signal }) => {
  await turn(undefined, { signal });
  return { agent: request.headers.get("host"), aborted: signal.aborted };
});
app.post("/items", { body: Item, response: { 201: Item } }, ({ body, reply }) => reply(body, { status: 201, headers: { "x-a": "1" } }));
app.get("/missing", async () => {
  throw new NotFound("no such thing");
});
app.get("/throws", () => {
  throw new Error("never shown");
});
// Of the heap what is reachable, and of the process what is resident; in bytes.
app.get("/memory", () => {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { reachable: heapUsed + external, rss };
});

await app.run({ port: 0 });
