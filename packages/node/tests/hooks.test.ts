/** Hooks: their order, what they see and edit, and what comes of what they return. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
  App, Conflict, Forbidden, InternalError, NotFound, Problem, reply, StreamedContent, TestClient,
  type Group, type HookedResponse, type HookOptions, type Request, type RequestHook,
} from "spikard";
import { z } from "zod";
import { started, WAYS } from "./started.js";

const MOMENTS = ["onRequest", "preValidation", "preHandler", "onResponse", "onError"] as const satisfies readonly (keyof HookOptions)[];

/** Notes every moment in `request.state.ran`; every second hook waits. */
function noting(routes: App | Group<string>, who: string): void {
  for (const [number, moment] of MOMENTS.entries()) {
    const note = (request: Request, subject?: unknown): void => {
      const ran = [...((request.state.ran as string[] | undefined) ?? []), `${who}.${moment}`];
      request.state.ran = ran;
      if (moment !== "onResponse") return;
      const response = subject as HookedResponse;
      response.headers = [...response.headers.filter(([name]) => name !== "x-ran"), ["x-ran", ran.join(" ")]];
    };
    const waits = async (request: Request, subject?: unknown): Promise<void> => {
      await turn();
      note(request, subject);
    };
    routes[moment](number % 2 === 1 ? waits : note);
  }
}

test("hooks run in order and share the state of the request", async () => {
  const app = new App();
  noting(app, "app");
  const shop = app.group("/shop");
  noting(shop, "shop");
  shop.post("/items", {
    body: z.object({ count: z.int() }), preHandler: (request) => { request.state.own = true; },
  }, async ({ body, request }) => ({ ...body, own: request.state.own }));
  const client = new TestClient(app);
  const wanted = (moments: readonly string[], who = ["app", "shop"]): string =>
    moments.flatMap((moment) => who.map((one) => `${one}.${moment}`)).join(" ");
  const good = await client.post("/shop/items", { json: { count: 1 } });
  assert.deepEqual([good.status, good.json()], [200, { count: 1, own: true }]);
  assert.equal(good.headers.get("x-ran"), wanted(["onRequest", "preValidation", "preHandler", "onResponse"]));
  const bad = await client.post("/shop/items", { json: { count: "x" } });
  assert.equal(bad.status, 422);
  assert.equal(bad.headers.get("x-ran"), wanted(["onRequest", "preValidation", "onError", "onResponse"]));
  const lost = await client.get("/nowhere");
  assert.deepEqual([lost.status, lost.headers.get("x-ran")], [404, wanted(["onError", "onResponse"], ["app"])]);
});

test("an edit is seen by validation and handler", async () => {
  const app = new App();
  app.onRequest((request) => {
    assert.equal(request.headers.get("x-old"), "1");
    request.setHeader("content-type", "application/json");
    request.addHeader("x-many", "a");
    request.addHeader("x-many", "ü");
    request.removeHeader("x-old");
    request.setQueryString("limit=7");
    assert.deepEqual([request.queryString, request.headers.get("x-many")], ["limit=7", "a, ü"]);
  });
  app.preValidation(async (request) => {
    await turn();
    request.setBody(request.text().replace("one", "1"));
  });
  app.post("/items", { body: z.object({ count: z.int() }), query: z.object({ limit: z.int() }) },
    ({ body, query, request }) => [body.count, query.limit, request.headers.get("x-many"), request.headers.has("x-old")]);
  const answer = await new TestClient(app).post("/items", { body: '{"count":one}', headers: { "content-type": "text/plain", "x-old": "1" } });
  assert.deepEqual(answer.json(), [1, 7, "a, ü", false]);
});

test("an edit that cannot stand is refused, and so is one outside of a hook", async () => {
  const edits: readonly ((request: Request) => void)[] = [
    (request) => request.setHeader("a b", ""),
    (request) => request.setHeader("a", "\n"),
    (request) => request.setHeader("a", "\u20ac"),
    (request) => request.setQueryString("a b"),
  ];
  const app = new App({ debug: true });
  for (const [at, edit] of edits.entries()) app.get(`/${at}`, { onRequest: edit }, () => "");
  app.get("/handler", { onRequest: () => undefined }, ({ request }) => request.setHeader("a", "b"));
  const plain = new App({ debug: true });
  plain.get("/", ({ request }) => request.setHeader("a", "b"));
  const causes = await Promise.all([...edits.keys(), "handler"].map(async (path) => {
    const answer = await new TestClient(app).get(`/${path}`);
    return [answer.status, /^(?:Range)?Error: (.*)/.exec(answer.json<{ cause: string }>().cause)?.[1]];
  }));
  assert.deepEqual(causes, [
    [500, 'header name "a b" is not a token (RFC 9110 section 5.1)'],
    [500, "header a holds a control character"],
    [500, "a field's value holds a character that no byte stands for; encode it"],
    [500, "' ' cannot stand in a query string; percent-encode it"],
    [500, "only hooks edit a request"],
  ]);
  assert.match((await new TestClient(plain).get("/")).json<{ cause: string }>().cause, /only hooks edit a request/);
});

for (const moment of ["onRequest", "preValidation", "preHandler"] as const) {
  test(`a hook answers by a reply or a problem: ${moment}`, async () => {
    const app = new App();
    const guard: RequestHook = (request) => {
      const key = request.headers.get("x-key");
      if (key === "guest") return reply(turn().then(() => "hello, guest"), { status: 203 });
      if (key === "known") return new Conflict("known");
      if (key !== "owner") throw new Forbidden("not you");
    };
    const options: HookOptions = { [moment]: guard };
    app.get("/", options, () => "in");
    const client = new TestClient(app);
    const said = async (key: string): Promise<unknown[]> => {
      const answer = await client.get("/", { headers: { "x-key": key } });
      return [answer.status, answer.status < 400 ? answer.text() : answer.json<{ detail: string }>().detail];
    };
    assert.deepEqual(await Promise.all(["guest", "known", "owner", ""].map(said)), [
      [203, "hello, guest"], [409, "known"], [200, "in"], [403, "not you"],
    ]);
  });
}

test("the response is edited or replaced", async () => {
  const app = new App();
  app.onResponse((request, response) => {
    response.status += 1;
    response.headers.push(["x-length", String((response.content as Uint8Array).length)]);
    if (request.path === "/content") response.content = new TextDecoder().decode(response.content as Uint8Array).toUpperCase();
    if (request.path === "/object") [response.content, response.contentType] = [{ a: 1 }, undefined];
    if (request.path === "/itself") return response;
    if (request.path === "/other") return reply("other");
  });
  app.get("/{name}", ({ params }) => Buffer.from(params.name));
  const client = new TestClient(app);
  for (const [path, status, text] of [
    ["/content", 201, "CONTENT"], ["/object", 201, '{"a":1}'], ["/itself", 201, "itself"], ["/other", 200, "other"],
  ] as const) {
    const answer = await client.get(path);
    assert.deepEqual([answer.status, answer.text()], [status, text], path);
    assert.equal(answer.headers.get("x-length"), path === "/other" ? null : String(path.length - 1));
  }
});

test("a stream is not read, keeps its chunks, and can be replaced by another", async () => {
  const app = new App();
  const events: string[] = [];
  app.onResponse((request, response) => {
    assert.ok(response.content instanceof StreamedContent);
    response.headers.push(["x-seen", "1"]);
    if (request.path === "/replaced") response.content = ["c", "d"].values();
  });
  const lines = function* (): Generator<string> {
    try {
      yield "a";
      yield "b";
    } finally {
      events.push("closed");
    }
  };
  app.get("/kept", lines);
  app.get("/replaced", lines);
  const client = new TestClient(app);
  const answers = await Promise.all(["/kept", "/replaced"].map((path) => client.get(path)));
  assert.deepEqual(answers.map((answer) => [answer.text(), answer.headers.get("x-seen")]), [["ab", "1"], ["cd", "1"]]);
  assert.deepEqual(events, ["closed", "closed"]);
});

test("errors are seen with what was thrown", async () => {
  class OutOfStock extends Problem {
    constructor(detail: string) {
      super(detail, { code: "out-of-stock", status: 409, title: "Out of stock" });
    }
  }
  const app = new App();
  const seen: unknown[] = [];
  app.onError((_, problem) => void seen.push([problem.constructor, problem.detail, (problem.cause as Error | undefined)?.constructor]));
  app.onError(async (_, problem) => {
    await turn();
    if (problem instanceof NotFound) return reply("<h1>gone</h1>", { status: 404, contentType: "text/html; charset=utf-8" });
    if (problem.cause instanceof RangeError) throw new Conflict("cannot be divided", { extensions: { by: 0 } });
  });
  app.get("/divided", async () => {
    await turn();
    return String(1n / BigInt(seen.length - 1));
  });
  app.get("/stock", () => { throw new OutOfStock("none left"); });
  app.get("/symbol", () => Symbol("never"));
  const client = new TestClient(app);
  const page = await client.get("/nowhere");
  assert.deepEqual([page.status, page.text()], [404, "<h1>gone</h1>"]);
  const conflict = (await client.get("/divided")).json<Record<string, unknown>>();
  assert.deepEqual([conflict.code, conflict.detail, conflict.by], ["conflict", "cannot be divided", 0]);
  assert.equal((await client.get("/stock")).json<{ code: string }>().code, "out-of-stock");
  assert.equal((await client.get("/symbol")).status, 500);
  assert.deepEqual(seen, [
    [NotFound, "no route matches the path", undefined], [InternalError, "", RangeError], [OutOfStock, "none left", undefined],
    [InternalError, "", TypeError],
  ]);
});

for (const moment of MOMENTS) {
  test(`a hook that fails is a 500 and says nothing: ${moment}`, async () => {
    const app = new App();
    for (const [path, fails] of [["/", () => { throw new Error("secret"); }], ["/later", async () => { await turn(); throw new Error("secret"); }]] as const) {
      const options: HookOptions = { [moment]: fails };
      app.get(path, options, () => { throw new Conflict(); });
    }
    app.get("/fine", () => "fine");
    const client = new TestClient(app);
    for (const path of ["/", "/later"]) {
      const answer = await client.get(path);
      assert.deepEqual([answer.status, answer.text().includes("secret")], [500, false]);
    }
    assert.equal((await client.get("/fine")).text(), "fine");
  });
}

test("what is neither answer nor nothing is told, and refused by the compiler", async () => {
  const app = new App({ debug: true });
  // @ts-expect-error: a hook answers by a reply
  app.preHandler(function wrong() { return { a: 1 }; });
  // @ts-expect-error: no such moment
  assert.throws(() => app.onNothing(() => undefined));
  // @ts-expect-error: a hook is a function
  assert.throws(() => app.onError(404), /write `app.onError\(\(request\) => \{ \}\)`/);
  // @ts-expect-error: there is no response before the handler
  const early = (): unknown => new App().onRequest((_, response) => response);
  assert.equal(typeof early, "function");
  app.get("/", () => "");
  const { cause } = (await new TestClient(app).get("/")).json<{ cause: string }>();
  assert.match(cause, /the hook wrong returned Object; return a reply to answer, or nothing/);
});

test("what a hook sets by enterWith is the request's own", async () => {
  const user = new AsyncLocalStorage<string>();
  const app = new App();
  app.onRequest((request) => {
    const name = request.headers.get("x-user");
    if (name !== null) user.enterWith(name);
  });
  app.preHandler(async () => { await turn(); });
  app.get("/", async () => {
    await turn();
    return user.getStore() ?? "nobody";
  });
  const client = new TestClient(app);
  const texts = await Promise.all(["Ada", undefined, "Bob"].map(async (name) =>
    (await client.get("/", { headers: name === undefined ? {} : { "x-user": name } })).text()));
  assert.deepEqual(texts, ["Ada", "nobody", "Bob"]);
});

test("mistakes of hooks are told with those of routes", () => {
  const app = new App();
  app.onRequest(() => undefined);
  app.get("/items/{id}", { params: z.object({ idd: z.string() }), onRequest: () => undefined }, () => "");
  const { hooks, routes } = JSON.parse(new App().onError(function tell() {}).get("/", () => "").spec()) as { hooks: { at: string; handler: number; declared: { name: string; file: string; line: number } }[]; routes: { handler: number; hooks: unknown[] }[] };
  assert.deepEqual([hooks[0]?.at, hooks[0]?.declared.name, hooks[0]?.handler, routes[0]?.handler, routes[0]?.hooks], ["on_error", "tell", 0, 1, []]);
  assert.match(String(hooks[0]?.declared.file), /hooks\.test\.[jt]s$/);
  assert.throws(() => app.freeze(), /parameter "idd" is not in the path/);
});

for (const { name, runtime, flags, variables } of WAYS) {
  test(`${name}: hooks that wait, over a socket`, async () => {
    await using server = await started("hooks.js", flags, variables, runtime);
    for (const size of [0, 10, 3_000_000]) {
      const answer = await fetch(`${server.url}/a`, { method: "POST", body: Buffer.alloc(size), headers: { "content-type": "application/octet-stream" } });
      assert.deepEqual([answer.status, await answer.text()], [200, `a ${size}`]);
      assert.equal(answer.headers.get("x-marked"), answer.headers.get("x-request-id"));
    }
    const late = await fetch(`${server.url}/late`, { method: "POST" });
    assert.deepEqual([late.status, ((await late.json()) as { code: string }).code, late.headers.has("x-marked")], [504, "handler-timeout", true]);
    assert.equal((await fetch(`${server.url}/b`, { method: "POST" })).status, 200);
    server.child.kill("SIGTERM");
    assert.deepEqual(await server.ended, [0, null]);
  });
}
