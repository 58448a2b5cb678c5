/** {{name}}: two routes, one of them with a validated body. `spikard run app.ts` serves it. */

import { App, type Output } from "spikard";
import { z } from "zod";

export const app = new App({ title: "{{name}}", version: "0.1.0" });

const Sku = z.string().regex(/^[A-Z]{3}-[0-9]{4}$/);
const Quantity = z.int().min(1).max(100);

/** What a client may order. */
const OrderInput = z.object({ sku: Sku, quantity: Quantity.default(1) }).meta({ id: "OrderInput" });

/** An order that was taken. */
const Order = z.object({ sku: Sku, quantity: Quantity, total_cents: z.int() }).meta({ id: "Order" });

app.get("/hello/{name}", { summary: "Greet someone" }, function hello({ params }) {
  return { message: `hello ${params.name}` };
});

// A body that breaks a rule never gets here, and what is returned has to be an Order.
app.post("/orders", { body: OrderInput, response: { 201: Order }, summary: "Order something" }, function order({ body }) {
  return taken(body);
});

function taken({ sku, quantity }: Output<typeof OrderInput>): Output<typeof Order> {
  return { sku, quantity, total_cents: 250 * quantity };
}
