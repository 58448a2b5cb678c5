"""Who is let in, as Python says it: builders, principal, what is wrong. The rest is in the fixtures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest

from spikard import (
    DefinitionError,
    Forbidden,
    RateLimit,
    Request,
    Router,
    Spikard,
    TestClient,
    anyone,
    api_key,
    basic,
    bearer,
)

SECRET = "a secret of thirty-two bytes, or more"
KEY = "0123456789abcdef"


def token(**claims: Any) -> dict[str, str]:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signed = f"{part({'alg': 'HS256'})}.{part({'exp': 4_102_444_800} | claims)}"
    signature = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
    return {"authorization": f"Bearer {signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"}


class Session(msgspec.Struct):
    sub: str
    tenant: int


def served() -> TestClient:
    app = Spikard(auth=bearer(secret=SECRET))
    router = Router("/keys", auth=[api_key({KEY: {"subject": "till 7", "scopes": ["stock"]}}, query="key"), anyone()])

    @app.get("/typed")
    def typed(request: Request) -> int:
        assert request.principal is not None
        return request.principal.claims_as(Session).tenant

    @app.get("/claims")
    async def claims(request: Request) -> dict[str, Any]:
        assert request.principal is not None
        return request.principal.claims

    @router.get("/")
    def key(request: Request) -> str:
        return repr(request.principal)

    async def hooked(request: Request) -> None:
        if request.principal is None or request.principal.subject != "ada":
            raise Forbidden("not you")

    @app.get("/hooked", on_request=hooked)
    def behind(request: Request) -> str:
        assert request.principal is not None
        return str(request.principal.subject)

    @app.get("/desk", auth=basic({"ada": "a:b"}, realm="desk"))
    def desk(request: Request) -> None:
        return None

    app.include(router)
    return TestClient(app)


def test_claims_are_read_into_types() -> None:
    client = served()
    assert client.get("/typed", headers=token(sub="ada", tenant=7)).json() == 7
    wrong = client.get("/typed", headers=token(sub="ada", tenant="7"))
    assert (wrong.status, wrong.json()["detail"]) == (401, "the token's claims are not those that are needed")
    found = client.get("/claims", headers=token(tenant=[1, {"a": None}])).json()
    assert found == {"exp": 4_102_444_800, "tenant": [1, {"a": None}]}


def test_keys_and_nobody_come_in_by_one_list() -> None:
    client = served()
    assert client.get(f"/keys?key={KEY}").text == "Principal('apiKey', 'till 7', ['stock'])"
    assert client.get("/keys").text == "None"
    assert client.get(f"/keys?key={KEY}0").status == 401


def test_hooks_see_who_came() -> None:
    client = served()
    assert client.get("/hooked", headers=token(sub="ada")).text == "ada"
    assert client.get("/hooked", headers=token(sub="bob")).status == 403
    assert client.get("/hooked").status == 401


def test_a_browser_is_told_the_realm() -> None:
    refused = served().get("/desk")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Basic realm="desk", charset="UTF-8"')
    sent = {"authorization": "Basic " + base64.b64encode(b"ada:a:b").decode()}
    assert served().get("/desk", headers=sent).status == 204


def test_the_document_names_each_way_once() -> None:
    app = Spikard(auth=bearer(secret=SECRET, scopes=["a"]))
    other = bearer(secret=SECRET + "!", name="office", description="Of the office.")

    @app.get("/one")
    def one() -> None: ...

    @app.get("/two", auth=[bearer(secret=SECRET), other, anyone()])
    def two() -> None: ...

    @app.get("/three", auth=[])
    def three() -> None: ...

    document = app.openapi()
    wanted = {path: item["get"].get("security") for path, item in document["paths"].items()}
    assert wanted == {"/one": [{"bearer": ["a"]}], "/two": [{"bearer": []}, {"office": []}, {}], "/three": None}
    token_scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert document["components"]["securitySchemes"] == {
        "bearer": token_scheme,
        "office": token_scheme | {"description": "Of the office."},
    }
    assert SECRET not in json.dumps(document)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        (bearer(), "write one of secret, public_key and jwks"),
        (bearer(secret="short"), "openssl rand -base64 32"),
        (bearer(secret=SECRET, algorithms=["RS256"]), "a secret is for HS256, HS384 and HS512"),
        (bearer(jwks="no/such/keys.json"), "no/such/keys.json cannot be read"),
        (api_key({"short": "till"}), 'the key of "till" has 5 bytes'),
        (api_key({}), "no key is good"),
        (basic({"a:b": "c"}), "holds a colon"),
        (bearer(secret=SECRET, algorithms=["none"]), "must be one of HS256"),  # type: ignore[list-item]
    ],
)
def test_wrong_ways_are_refused_at_start(auth: Any, said: str) -> None:
    app = Spikard()

    @app.get("/", auth=auth)
    def show() -> None: ...

    with pytest.raises(DefinitionError) as told:
        app.freeze()
    message = str(told.value)
    assert said in message and "test_auth.py:" in message
    assert SECRET not in message


def test_who_comes_too_often_is_told() -> None:
    app = Spikard(rate_limit=RateLimit(3, 60_000, by="all", name="day"))

    @app.get("/", rate_limit=[RateLimit(1, 60_000)])
    def one() -> None: ...

    @app.get("/three", concurrency=2)
    def three() -> None: ...

    client = TestClient(app)
    assert [client.get("/").status for _ in range(2)] == [204, 429]
    assert client.get("/three").headers["ratelimit"] == '"day";r=2;t=20'
    with pytest.raises(TypeError, match=r"rate_limit takes RateLimit"):
        Spikard(rate_limit=[100])  # type: ignore[list-item]


def test_what_is_no_way_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match=r"auth takes bearer\(...\)"):
        Spikard(auth={"bearer": {}})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="one place, not in header and query"):
        api_key({KEY: "x"}, header="x-key", query="key")
