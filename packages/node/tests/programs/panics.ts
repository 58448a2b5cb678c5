/** A served app that can ask for a panic in the core's callbacks, for `panics.test.ts`. */

import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { App } from "spikard";

// The very module that the package has loaded; the door is no part of the package's own surface.
const native = createRequire(import.meta.url)("spikard-linux-x64-gnu") as { panicNext(place: string): void };

const app = new App({ title: "panics" });
app.get("/next/{place}", ({ params }) => {
  native.panicNext(String(params.place));
  return "asked";
});
app.get("/at-once", () => {
  native.panicNext("answer");
  return "not answered";
});
app.get("/settled", async () => {
  native.panicNext("answer");
  return Promise.resolve("not answered");
});
app.get("/later", async () => {
  await sleep(2);
  native.panicNext("answer");
  return "not answered";
});
app.get("/", async () => {
  await sleep(2);
  return "served";
});
await app.run({ port: 0 });
