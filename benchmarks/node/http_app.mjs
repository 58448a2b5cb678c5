/** The benchmark's app in node:http alone; what comes is converted by hand and not checked. */

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

function send(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

async function create(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  send(response, 201, JSON.parse(Buffer.concat(chunks).toString()));
}

function post(response, url) {
  const [, , id, , slug] = url.pathname.split("/");
  const query = url.searchParams;
  send(response, 200, { id: Number(id), slug, limit: Number(query.get("limit") ?? 20), tags: query.getAll("tag") });
}

async function wait(response) {
  await sleep(1);
  send(response, 200, { ok: true });
}

const server = createServer((request, response) => {
  const { url } = request;
  if (url === "/json") send(response, 200, { message: "Hello, World!" });
  else if (url === "/json-async") void Promise.resolve({ message: "Hello, World!" }).then((value) => send(response, 200, value));
  else if (url === "/wait") void wait(response);
  else if (url === "/items") void create(request, response);
  else post(response, new URL(url, "http://localhost"));
});
server.listen(Number(process.argv[2]), "127.0.0.1");
