/** Inventory: items with filters, paging, validation and optimistic concurrency by ETag. `spikard run app.ts` */

import { App, Conflict, NotFound, PreconditionFailed } from "spikard";
import { z } from "zod";
import { Item, ItemInput, Page, SkuTaken, Store } from "./store.ts";

let opened: Store | undefined;

export const app = new App({
  title: "Inventory",
  version: "1.0.0",
  lifespan: () => {
    opened = new Store(process.env.INVENTORY_DB ?? "inventory.sqlite");
    return () => store().close();
  },
});

const items = app.group("/items", { tags: ["items"] });
const Id = z.object({ id: z.int().min(1).max(1_000_000_000) });
const IfMatch = z.object({ "if-match": z.string().optional() });
const Filter = z.object({
  tag: z.string().optional(),
  max_price: z.number().min(0).optional(),
  limit: z.int().min(1).max(100).default(20),
  offset: z.int().min(0).max(1_000_000_000).default(0),
});

items.get("/", { query: Filter, response: Page, summary: "Items, in order of their id." },
  function search({ query }) {
    return store().search(query);
  });

items.post("/", { body: ItemInput, response: { 201: Item }, summary: "Add an item." },
  function create({ body, reply }) {
    const added = unlessTaken(body, () => store().add(body));
    return reply(added, { status: 201, headers: { etag: etag(1), location: `/items/${added.id}` } });
  });

items.get("/{id}", { params: Id, response: Item, summary: "One item." },
  function show({ params, reply }) {
    const [found, version] = known(params.id);
    return reply(found, { headers: { etag: etag(version) } });
  });

items.put("/{id}", { params: Id, headers: IfMatch, body: ItemInput, response: Item, summary: "Replace an item that nobody changed meanwhile." },
  function replace({ params, headers, body, reply }) {
    const [replaced, version] = unlessTaken(body, () =>
      store().transaction(() => {
        mustBeUnchanged(params.id, headers["if-match"]);
        return store().replace(params.id, body);
      }));
    return reply(replaced, { headers: { etag: etag(version) } });
  });

items.delete("/{id}", { params: Id, headers: IfMatch, response: { 204: {} }, summary: "Remove an item that nobody changed meanwhile." },
  function remove({ params, headers }) {
    store().transaction(() => {
      mustBeUnchanged(params.id, headers["if-match"]);
      store().remove(params.id);
    });
  });

function store(): Store {
  if (opened === undefined) throw new Error("the store is opened by the app's lifespan");
  return opened;
}

/** An item and its version, or the answer 404. */
function known(id: number): [Item, number] {
  const found = store().find(id);
  if (found === undefined) throw new NotFound(`no item ${id}`);
  return found;
}

/** Answers 412 unless the client has seen the item as it is now. */
function mustBeUnchanged(id: number, ifMatch: string | undefined): void {
  const [, version] = known(id);
  if (ifMatch === undefined) throw new PreconditionFailed("send if-match with the etag of the item");
  if (ifMatch !== "*" && ifMatch !== etag(version)) {
    throw new PreconditionFailed(`the item has changed: its etag is ${etag(version)}`);
  }
}

/** What `write` gives, or the answer 409. */
function unlessTaken<T>(item: ItemInput, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (error instanceof SkuTaken) throw new Conflict(`another item has the sku ${item.sku}`);
    throw error;
  }
}

function etag(version: number): string {
  return `"${version}"`;
}
