/** A served app as a process of its own, for `process.test.ts`. */

import { setTimeout as sleep } from "node:timers/promises";
import { App } from "spikard";

export const app = new App({ title: "child" });

app.get("/", () => "sync");
app.get("/later", async () => {
  await sleep(2);
  return "later";
});
let waiting = 0;
app.get("/never", () => {
  waiting++;
  return new Promise(() => undefined);
});
app.get("/waiting", () => `${waiting}`);
app.get("/exit", () => process.exit(7));
app.get("/exit-later", async () => {
  await sleep(1);
  process.exit(7);
});
app.get("/busy", () => {
  const end = performance.now() + 300;
  while (performance.now() < end);
  return "busy";
});
app.get("/throws", () => {
  throw new Error("secret");
});
app.get("/rejects", () => Promise.reject(new Error("secret")));
app.get("/rejects-early", async () => {
  const failing = Promise.reject(new Error("secret"));
  await sleep(5); // meanwhile nobody handles it
  await failing;
});
app.get("/floating", () => {
  void Promise.reject(new Error("floating secret"));
  return "answered";
});
app.get("/thenable", () => ({ then: (settle: (value: string) => void) => { settle("once"); settle("twice"); } }));
app.get("/hostile", () => ({ get then() { throw new Error("secret"); } }));
app.get("/cyclic", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  return cycle;
});
await app.run({ port: 0 });
