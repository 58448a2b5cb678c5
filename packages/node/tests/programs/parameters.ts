/** Prints what a handler gets of parameters, some of them not sent, for `app.test.ts`. */

import { App, TestClient } from "spikard";

const app = new App();
const list = { type: "array", items: { type: "string" } };
app.get("/{id}", {
  parameters: [
    { name: "id", in: "path", required: true, schema: { type: "integer" } },
    { name: "a", in: "query", schema: list },
    { name: "b", in: "query", required: true, schema: list },
    { name: "c", in: "query" },
    { name: `it's "d"`, in: "query" },
  ],
}, ({ params, query }) => ({ params, query }));
console.log((await new TestClient(app).get("/1?b=x&b=y&it%27s+%22d%22=")).text());
