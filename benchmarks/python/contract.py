"""The types that every Python app of the benchmark shares; msgspec, because each of them can use it."""

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Price = Annotated[float, msgspec.Meta(ge=0)]
Quantity = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Item(msgspec.Struct):
    sku: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}-[0-9]{4}$")]
    name: Name
    description: str
    price: Price
    quantity: Quantity
    tags: list[str]
