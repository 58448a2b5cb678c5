/** Who is let in and how many, as TypeScript says it: builders, principal, what is wrong. The rest is in the fixtures. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { anyone, apiKey, App, basic, bearer, DefinitionError, Forbidden, TestClient } from "spikard";
import { z } from "zod";

const SECRET = "a secret of thirty-two bytes, or more";
const KEY = "0123456789abcdef";

function token(claims: object): { authorization: string } {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256" })}.${part({ exp: 4_102_444_800, ...claims })}`;
  return { authorization: `Bearer ${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}` };
}

function served(): TestClient {
  const Session = z.object({ sub: z.string(), name: z.string() });
  const app = new App({ auth: bearer({ secret: SECRET }) });
  app.get("/typed", ({ request }) => Session.parse(request.principal?.claims).name);
  app.get("/later", async ({ request }) => {
    await new Promise((resolve) => setImmediate(resolve));
    return request.principal ?? null;
  });
  app.get("/hooked", {
    onRequest: (request) => {
      if (request.principal?.subject !== "ada") throw new Forbidden("not you");
    },
  }, ({ request }) => request.principal?.subject ?? "");
  app.get("/desk", { auth: basic({ ada: { password: "a:b", scopes: ["desk"] } }, { realm: "desk", scopes: ["desk"] }) }, () => "in");
  const keys = app.group("/keys", { auth: [apiKey({ [KEY]: { subject: "till 7", scopes: ["stock"] } }, { query: "key" }), anyone()] });
  keys.get("/", ({ request }) => request.principal ?? null);
  return new TestClient(app);
}

test("claims are read as they are, in every letter, sooner and later", async () => {
  const client = served();
  const headers = token({ sub: "ada", name: "Åda \u{1f600}\n\"x\"" });
  assert.equal(await (await client.get("/typed", { headers })).text(), "Åda \u{1f600}\n\"x\"");
  const claims = { exp: 4_102_444_800, sub: "ada", name: "Åda \u{1f600}\n\"x\"" };
  assert.deepEqual(await (await client.get("/later", { headers })).json(), { scheme: "bearer", subject: "ada", scopes: [], claims });
  assert.equal((await client.get("/later")).status, 401);
});

test("keys and nobody come in by one list, hooks see who came, browsers are told the realm", async () => {
  const client = served();
  assert.deepEqual(await (await client.get(`/keys?key=${KEY}`)).json(), { scheme: "apiKey", subject: "till 7", scopes: ["stock"], claims: {} });
  assert.equal((await client.get("/keys")).status, 204);
  assert.equal((await client.get(`/keys?key=${KEY}0`)).status, 401);
  assert.equal(await (await client.get("/hooked", { headers: token({ sub: "ada" }) })).text(), "ada");
  assert.equal((await client.get("/hooked", { headers: token({ sub: "bob" }) })).status, 403);
  const refused = await client.get("/desk");
  assert.equal(refused.headers.get("www-authenticate"), 'Basic realm="desk", charset="UTF-8"');
  const authorization = `Basic ${Buffer.from("ada:a:b").toString("base64")}`;
  assert.equal(await (await client.get("/desk", { headers: { authorization } })).text(), "in");
});

test("who comes too often is told", async () => {
  const app = new App({ rateLimit: { requests: 3, windowMs: 60_000, by: "all", name: "day" } });
  app.get("/", { rateLimit: [{ requests: 1, windowMs: 60_000 }] }, () => "one");
  app.get("/three", { concurrency: 2 }, () => "three");
  const client = new TestClient(app);
  assert.equal((await client.get("/")).status, 200);
  assert.equal((await client.get("/")).status, 429);
  assert.equal((await client.get("/three")).headers.get("ratelimit"), '"day";r=2;t=20');
});

test("wrong ways are refused at start, with what to write", () => {
  const wrong: readonly [ReturnType<typeof bearer>, string][] = [
    [bearer({}), "write one of secret, public_key and jwks"],
    [bearer({ secret: "short" }), "openssl rand -base64 32"],
    [bearer({ jwks: "no/such/keys.json" }), "no/such/keys.json cannot be read"],
    [apiKey({ short: "till" }), 'the key of "till" has 5 bytes'],
    [basic({ "a:b": "c" }), "holds a colon"],
  ];
  for (const [auth, said] of wrong) {
    const app = new App();
    app.get("/", { auth }, () => null);
    assert.throws(() => app.freeze(), (error: unknown) => error instanceof DefinitionError && error.message.includes(said) && /auth\.test\.[jt]s:\d+/.test(error.message));
  }
  assert.throws(() => apiKey({ [KEY]: "x" }, { header: "x-key", query: "key" }), /one place, not in header and query/);
  // @ts-expect-error a way is made by a function
  assert.throws(() => new App({ auth: { bearer: {} } }).freeze(), /auth takes bearer\(\.\.\.\)/);
});
