"""{{name}}: two routes, one of them with a validated body. `spikard run app.py` serves it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from spikard import Meta, Spikard

app = Spikard(title="{{name}}", version="0.1.0")

Sku = Annotated[str, Meta(pattern=r"^[A-Z]{3}-[0-9]{4}$")]
Quantity = Annotated[int, Meta(ge=1, le=100)]


class OrderInput(msgspec.Struct):
    """What a client may order."""

    sku: Sku
    quantity: Quantity = 1


class Order(msgspec.Struct):
    """An order that was taken."""

    sku: Sku
    quantity: Quantity
    total_cents: int


@app.get("/hello/{name}")
def hello(name: str) -> dict[str, str]:
    """Greet someone."""
    return {"message": f"hello {name}"}


@app.post("/orders", status=201)
def order(wanted: OrderInput) -> Order:
    """Order something; a body that breaks a rule never gets here."""
    return Order(wanted.sku, wanted.quantity, total_cents=250 * wanted.quantity)


if __name__ == "__main__":
    app.run()
