/** Memory of a worker stays flat over 200,000 requests of every kind of handler, over the wire. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { started } from "./started.js";

const BODY = '{"name": "thing", "tags": ["a", "b"]}';

function message(line: string, body = ""): string {
  return `${line} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** What is asked, how often in all, and the status. */
const MIX = [
  [message("GET /sync?tag=a&tag=b"), 60_000, 200],
  [message("GET /async"), 60_000, 200],
  [message("GET /stored"), 10_000, 200],
  [message("GET /suspended"), 24_000, 200],
  [message("POST /items", BODY), 25_000, 201],
  [message("POST /items", '{"name": 1}'), 6_000, 422],
  [message("GET /missing"), 10_000, 404],
  [message("GET /throws"), 2_000, 500],
  [message("GET /nowhere"), 3_000, 404],
] as const;
const CHUNK = 50;

/** Sends this share of the mix over one connection, some requests at a time. */
async function load(socket: Socket, share: number): Promise<number> {
  let asked = 0;
  for (const [request, count, status] of MIX) {
    const wanted = `HTTP/1.1 ${status} `;
    for (let left = (count * share) / CHUNK; left > 0; left--) {
      socket.write(request.repeat(CHUNK));
      let answered = 0;
      for (let rest = ""; answered < CHUNK;) {
        const [data] = (await once(socket, "data")) as [string];
        rest += data;
        answered += rest.split(wanted).length - 1;
        assert.equal(rest.split("HTTP/1.1 ").length - 1, rest.split(wanted).length - 1, rest.slice(0, 300));
        rest = rest.slice(-wanted.length + 1);
      }
      asked += CHUNK;
    }
  }
  return asked;
}

test("memory is flat over 200,000 requests", { timeout: 120_000 }, async (context) => {
  // A young generation of one size: V8 lets it grow by 16 MB over the first 150,000 requests, whoever serves.
  await using server = await started("memory.js", ["--expose-gc", "--max-semi-space-size=1"]);
  const memory = async (): Promise<{ reachable: number; rss: number }> =>
    (await (await fetch(`${server.url}/memory`)).json()) as { reachable: number; rss: number };
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1").setEncoding("latin1");
  // Collected every 20,000 requests; between rarer collections the heap rises to a mark that depends on V8 alone.
  const steps = async (count: number): Promise<number> => {
    let asked = 0;
    for (; count > 0; count--) {
      asked += await load(socket, 0.1);
      await memory();
    }
    return asked;
  };
  await steps(2); // the compiler, pools and caches have done their growing
  const before = await memory();
  assert.equal(await steps(10), 200_000);
  const after = await memory();
  socket.destroy();
  const grown = { reachable: after.reachable - before.reachable, rss: after.rss - before.rss };
  context.diagnostic(`${grown.reachable} bytes more are reachable, ${grown.rss} more are resident of ${after.rss}`);
  assert.ok(grown.reachable < 400_000, `${grown.reachable} bytes more are reachable`);
  assert.ok(grown.rss < 3_000_000, `${grown.rss} bytes more are resident`);
});
