/** What the supervisor's tests serve: its process, and answers that are held back until a file appears. */

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { App } from "spikard";

export const app = new App({ title: "Supervised" });
const GATE = process.env.GATE;

app.get("/pid", () => String(process.pid));
app.get("/held", async () => {
  while (!existsSync(GATE)) await sleep(100);
  return String(process.pid);
});
app.get("/blocked", () => {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(GATE)) Atomics.wait(nobody, 0, 0, 10);
  return String(process.pid);
});

if (process.argv[1] === fileURLToPath(import.meta.url)) await app.run(JSON.parse(process.env.RUN));
