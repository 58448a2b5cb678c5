"""Bodies that the core builds itself: nobody can tell them from those that msgspec reads."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import itertools
import random
from typing import Annotated, Any, Literal

import msgspec
import pytest

from spikard import Body, Meta, Spikard, TestClient, decode


class Item(msgspec.Struct):
    sku: Annotated[str, Meta(pattern=r"^[A-Z]{3}-\d{4}$")]
    name: Annotated[str, Meta(min_length=1, max_length=3)]
    price: Annotated[float, Meta(ge=0, description="In euro.")]
    count: Annotated[int, Meta(lt=10)] = 0
    ratio: float | None = None
    tags: list[str] = []


class Order(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True):
    first_item: Item
    other_items: list[Item | None] = []
    is_paid: bool = False


class Named(msgspec.Struct, kw_only=True):
    left: int = 1
    right: int


class Wide(Named):
    one: int
    two: int = 2
    three: int = 3
    four: int = 4
    five: int = 5
    six: int = 6
    seven: int = 7
    eight: int = 8


class Color(enum.Enum):
    RED = "red"
    ABC = "abc"


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 9


class Guessed(enum.Enum):
    RED = "red"

    @classmethod
    def _missing_(cls, value: object) -> Guessed:
        return cls.RED


class Painted(msgspec.Struct):
    color: Color
    level: Level | None = None
    mark: Literal["a", 7, "é"] = "a"
    prices: dict[str, float] = {}


class Hooked(msgspec.Struct):
    name: str

    def __post_init__(self) -> None:
        self.name += "!"


class Holder(msgspec.Struct):
    child: Holder | None = None


BUILT = [
    int,
    float | None,
    bool,
    str,
    list[int],
    list[list[float]],
    dict[str, int],
    dict[str, list[str | None]],
    Annotated[dict[str, float], Meta(max_length=1)],
    Literal["a", 7],
    list[Color],
    Level,
    Guessed,
    Annotated[list[str], Meta(max_length=2)],
    Annotated[int, Meta(multiple_of=3)],
    Annotated[str, Meta(pattern="b$")],
    Item,
    list[Item],
    Order,
    Named,
    Wide,
    Painted,
]

READ = [
    Any,
    bytes,
    dict[int, str],
    dict[Annotated[str, Meta(max_length=1)], int],
    set[int],
    tuple[int, str],
    datetime.datetime,
    int | str,
    list[Any],
    Hooked,
    Holder,
    list[Hooked],
    Annotated[float, Meta(multiple_of=0.1)],
    Annotated[str, Meta(pattern="^[^a]$")],
    Annotated[str, Meta(pattern=r"\s")],
    Annotated[int, Meta(ge=0, extra_json_schema={"minimum": -3})],
    msgspec.defstruct("Tagged", [("a", int)], tag="t"),
    msgspec.defstruct("Listed", [("a", int)], array_like=True),
]

NUMBERS = ["0", "-0", "-0.0", "7", "-1", "9", "1.0", "249.5", "0.1", "1e0", "1E2", "2.5e-1", "1e-400", "1e400", "01"]
NUMBERS += [
    "9007199254740993",
    "123456789012345678",
    "1234567890123456789",
    "18446744073709551616",
    "0.30000000000000004",
]
NUMBERS += ["999999999999999.5", "99999999999999.95", "-0.1234567890123", "1234567890.12345", "0." + "0" * 30 + "1"]
TEXTS = [
    '""',
    '"a"',
    '"abc"',
    '"abcd"',
    '"ABC-1234"',
    '"ab"',
    '"ab\\n"',
    '"ab\n"',
    '"\\u00e9"',
    '"é€"',
    '"😀"',
    '"\\ud83d\\ude00"',
]
TEXTS += ['"\\ud800"', '"ABC-123٣"', '"\\u0000"', '"\\"\\\\\\/"', '"' + "x" * 100 + '"', '"', "'a'", '"\\x"']
OTHERS = ["null", "true", "false", "nul", "[]", "{}", "[1,]", "[,1]", "[1 2]", "[", "{", "", " ", "\ufeff1", "[" * 200]
ITEM = {"sku": '"ABC-1234"', "name": '"abc"', "price": "2.5", "count": "3", "ratio": "0.5", "tags": '["x","é"]'}


def items() -> list[str]:
    chosen = random.Random(1)
    found = []
    for name, value in itertools.product(ITEM, [*NUMBERS, *TEXTS, "null", "[]", '["a"]', "[1]"]):
        found.append(written(list((ITEM | {name: value}).items()), chosen))
    for _ in range(80):
        members = chosen.choices(list(ITEM.items()), k=chosen.randint(0, 8))
        found.append(
            written(
                members + chosen.choices([("more", "[1,{}]"), ("n\\u0061me", '"b"')], k=chosen.randint(0, 1)), chosen
            )
        )
        members = list(ITEM.items())
        chosen.shuffle(members)
        found.append(written(members, chosen))
    for _ in range(100):  # cut, doubled, changed somewhere
        text = written(list(ITEM.items()), chosen)
        at = chosen.randrange(len(text))
        found.append(
            text[:at] + chosen.choice(["", text[at] * 2, chosen.choice('{}[]",:\\0 \t-e.'), text[at:]]) + text[at + 1 :]
        )
    return found


def written(members: list[tuple[str, str]], chosen: random.Random) -> str:
    gap = chosen.choice(["", "", " ", "\n\t"])
    return (
        f"{gap}{{{gap}"
        + f"{gap},{gap}".join(f'"{name}"{gap}:{gap}{value}' for name, value in members)
        + f"{gap}}}{gap}"
    )


def corpus() -> list[bytes]:
    plain = [*NUMBERS, *TEXTS, *OTHERS]
    found = [*plain, *(f"[{value}]" for value in plain), *(f"[[{value}, 1]]" for value in plain)]
    found += [f'{{"left":1,"right":{value},"one":1,"eight":{value}}}' for value in plain]
    found += [f'{{"color":{value},"level":9,"mark":"a","prices":{{"é":1,"a":2,"a":3}}}}' for value in plain]
    found += [f'{{"color":"red","level":{value},"mark":{value},"prices":{{"\\u0061":{value}}}}}' for value in plain]
    found += [f'{{"a":{value}}}' for value in plain] + ['{"b":1,"a":2,"b":3}', '{"b":["x"],"a":[],"b":[null]}']
    found += ['"red"', '["red","abc","red"]', "[7,8]", '{"color":"red"}', '{"color":7,"color":"red","mark":7}']
    found += ['{"right":1,"one":2,"two":0,"three":0,"four":0,"five":0,"six":0,"seven":0,"eight":9,"left":5}']
    found += ['{"left":0,"one":2}', '{"one":1,"right":1,"two":5}', '{"right":1}', '{"right":1,"right":"a"}']
    made = items()
    found += made + [f"[{one},{two}]" for one, two in zip(made[::19], made[4::19], strict=False)]
    for one, two in zip(made[::11], made[1::11], strict=False):
        found += [f'{{"firstItem":{one}}}', f'{{"isPaid":true,"otherItems":[null,{two}],"firstItem":{one}}}']
    return [
        *(text.encode() for text in found),
        b'"\xff"',
        b'["\xed\xa0\x80"]',
        b'{"sku":"ABC-1234","name":"\xff","price":1}',
    ]


def served(kinds: list[Any]) -> TestClient:
    """Handlers that show what they were given, value and types."""
    app = Spikard()
    for index, kind in enumerate(kinds):

        def show(value: Any) -> str:
            return f"{value!r}"

        show.__annotations__["value"] = Annotated[kind, Body(media_type="application/json")]
        app.post(f"/{index}")(show)
    return TestClient(app)


def test_what_is_built_cannot_be_told_from_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(decode.shape(kind) for kind in BUILT)
    built = served(BUILT)
    monkeypatch.setattr(decode, "shape", lambda kind: None)
    read = served(BUILT)
    seen = set()
    for index, body in itertools.product(range(len(BUILT)), corpus()):
        answers = [
            client.post(f"/{index}", content=body, headers={"content-type": "application/json"})
            for client in (built, read)
        ]
        ours, theirs = ((answer.status, known(answer)) for answer in answers)
        assert ours == theirs, (BUILT[index], body)
        seen.add((index, answers[0].status))
    assert seen >= set(itertools.product(range(len(BUILT)), (200, 422, 400)))


def test_only_what_is_not_plain_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    ours = decode.decoder

    def watched(kind: Any) -> decode.Decoder:
        found = ours(kind)

        def convert(body: bytes) -> Any:
            read.append(body)
            return found.convert(body)

        return dataclasses.replace(found, convert=convert)

    monkeypatch.setattr(decode, "decoder", watched)
    client = served([Named])
    bodies = [
        '{"right":1}',
        '{"right": 1, "left": 2, "more": []}',
        '{"right":1.0}',
        '{"right":1,"right":2}',
        '{"right":"a"}',
    ]
    for body in bodies:
        client.post("/0", content=body.encode(), headers={"content-type": "application/json"})
    assert read == [body.encode() for body in (bodies[0], *bodies[2:4])]


def known(answer: Any) -> Any:
    """An answer without what differs from request to request."""
    if answer.status == 200:
        return answer.text
    return {key: value for key, value in answer.json().items() if key != "request_id"}


@pytest.mark.parametrize("kind", READ, ids=str)
def test_what_is_not_plain_is_left_to_msgspec(kind: Any) -> None:
    assert decode.shape(kind) is None
