/** A served app in a worker thread, for `process.test.ts`. */

import { setTimeout as sleep } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import { App } from "spikard";

const app = new App();
app.get("/", () => "thread");
app.get("/later", () => sleep(2).then(() => "later"));
const { port } = await app.listen({ port: 0 });
parentPort?.postMessage(port);
parentPort?.once("message", () => void app.close().then(() => parentPort?.close()));
