/** Handlers that misbehave in every way, for `hostile.test.ts`; `spikard run` serves them. */

import { setTimeout as sleep } from "node:timers/promises";
import { App } from "spikard";

export const app = new App({ title: "hostile" });

app.get("/", () => "fine");
app.get("/throws", () => {
  throw new Error("secret");
});
app.get("/throws-text", () => {
  throw "secret";
});
app.get("/throws-nothing", () => {
  throw undefined;
});
app.get("/rejects", () => Promise.reject(new Error("secret")));
app.get("/rejects-late", async () => {
  await sleep(1);
  throw new Error("secret");
});
app.get("/symbol", () => Symbol("secret"));
app.get("/function", () => () => "secret");
app.get("/cyclic", () => {
  const secret: { self?: unknown } = {};
  secret.self = secret;
  return secret;
});
app.get("/getter", () => ({ get secret() { throw new Error("secret"); } }));
app.get("/bad-header", ({ reply }) => reply("fine", { headers: { "x-a": "secret\r\nx-b: c" } }));
app.get("/bad-status", ({ reply }) => reply("secret", { status: 99 }));
app.get("/wrong", { response: { type: "object", required: ["name"] } }, () => ({ secret: true }));
// Answers twice: the first one counts.
app.get("/twice", () => ({ then: (settle: (value: string) => void) => { settle("once"); settle("secret"); } }));
app.get("/late", { handlerTimeoutMs: 100 }, async () => {
  await sleep(600);
  return "secret";
});
app.get("/floating", () => {
  void Promise.reject(new Error("secret"));
  return "fine";
});
app.get("/blocks", function blocks() {
  const end = performance.now() + 2_000;
  while (performance.now() < end);
  return "blocked";
});
app.get("/hangs", function hangs(): string {
  for (let turns = 0; ; turns++) if (turns < 0) return "never";
});
app.get("/exit", () => process.exit(7));
app.get("/exit-caught", () => {
  try {
    return process.exit(7);
  } catch {
    return "secret";
  } finally {
    console.error("secret");
  }
});
app.get("/exit-soon", async () => {
  await null;
  process.exit(7);
});
app.get("/exit-later", async () => {
  await sleep(1);
  process.exit(7);
});
app.get("/uncaught", async () => {
  setTimeout(() => { throw new Error("secret"); });
  await sleep(60_000);
});
app.get("/allocates", () => {
  const kept: number[][] = [];
  for (;;) kept.push(new Array<number>(100_000).fill(kept.length));
});
app.get("/allocates-later", async () => {
  await sleep(1);
  const kept: number[][] = [];
  for (;;) kept.push(new Array<number>(100_000).fill(kept.length));
});
