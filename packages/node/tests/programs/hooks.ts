/** Hooks that wait, for `hooks.test.ts`. */

import { setTimeout as sleep } from "node:timers/promises";
import { App } from "spikard";

const app = new App({ handlerTimeoutMs: 300 });
app.onRequest(async (request) => {
  if (request.path === "/late") await sleep(60_000, undefined, { signal: request.signal });
  await sleep(1);
});
app.onResponse(async (request, response) => {
  await sleep(1);
  response.headers.push(["x-marked", request.id]);
});
app.post("/{name}", { body: { content: { "application/octet-stream": true }, required: false } },
  ({ params, body }) => `${params.name} ${body?.length ?? 0}`);
await app.run({ port: 0 });
