"""Who is let in: the ways that an app, a router or a route accepts, and who came by them. The core checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import msgspec

from spikard.errors import Unauthenticated

T = TypeVar("T")

Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"
]


@dataclass(frozen=True)
class Auth:
    """One way to be let in. `auth=` of an app, a router or a route takes one, or a list of which any will do."""

    spec: Mapping[str, Any]
    """An AuthSpec of the core (docs/appspec.md)."""


def bearer(
    *,
    secret: str | None = None,
    public_key: str | None = None,
    jwks: str | None = None,
    algorithms: Iterable[Algorithm] = (),
    issuer: str | Iterable[str] = (),
    audience: str | Iterable[str] = (),
    required: Iterable[str] | None = None,
    leeway_ms: int | None = None,
    token_type: str | None = None,
    refresh_ms: int | None = None,
    scopes: Iterable[str] = (),
    name: str | None = None,
    description: str | None = None,
) -> Auth:
    """Signed tokens (JWT, RFC 7519) in `Authorization: Bearer`, by one of `secret`, `public_key` and `jwks`.

    `secret`: shared with who signs, 32 bytes or more. `public_key`: PEM, or the path of a file that holds it. `jwks`:
    the path or `https://` URL of a JSON Web Key Set (RFC 7517); a file is read again when it changed, a URL after
    `refresh_ms` (default 600,000) and when a token names a key that is not known.
    `algorithms`: default by the key (HS256, RS256, ES256 or ES384, EdDSA). `issuer`, `audience`: one of them must be
    `iss`, and in `aud`; a token for an audience is refused where none is named here. `required`: claims that must be
    there, default `exp`. `leeway_ms`: how far clocks may be apart, default 60,000. `token_type`: `typ`, such as
    `at+jwt`. `scopes`: all must be in `scope` or `scp`, else 403.
    """
    given: dict[str, Any] = {
        "secret": secret,
        "public_key": public_key,
        "jwks": jwks,
        "algorithms": list(algorithms),
        "issuers": _list(issuer),
        "audiences": _list(audience),
        "required": None if required is None else list(required),
        "leeway_ms": leeway_ms,
        "token_type": token_type,
        "refresh_ms": refresh_ms,
    }
    return _auth("bearer", {key: value for key, value in given.items() if value is not None}, scopes, name, description)


def api_key(
    keys: Mapping[str, str | Mapping[str, Any]],
    *,
    header: str | None = None,
    query: str | None = None,
    cookie: str | None = None,
    scopes: Iterable[str] = (),
    name: str | None = None,
    description: str | None = None,
) -> Auth:
    """Keys that the app gave out: `api_key({os.environ["TILL_KEY"]: "till 7"})`.

    They stand in the header field `x-api-key`, or where `header`, `query` or `cookie` names one. `keys`: whose each is,
    or `{"subject": ..., "scopes": [...]}`; 16 bytes or more. They are compared in constant time.
    """
    named = (("header", header), ("query", query), ("cookie", cookie))
    places = [{"place": place, "field": field} for place, field in named if field]
    if len(places) > 1:
        found = " and ".join(one["place"] for one in places)
        raise ValueError(f"a key stands in one place, not in {found}; write two api_key(...)")
    given = [{"key": key, **({"subject": of} if isinstance(of, str) else of)} for key, of in keys.items()]
    return _auth("api_key", {"keys": given, **(places[0] if places else {})}, scopes, name, description)


def basic(
    users: Mapping[str, str | Mapping[str, Any]],
    *,
    realm: str | None = None,
    scopes: Iterable[str] = (),
    name: str | None = None,
    description: str | None = None,
) -> Auth:
    """Names and passwords (RFC 7617): `basic({"ada": os.environ["ADA"]})`, or `{"password": ..., "scopes": [...]}`.

    `realm`: what a browser shows; default the app's title.
    """
    given = [{"name": user, **({"password": of} if isinstance(of, str) else of)} for user, of in users.items()]
    spec = {"users": given} | ({} if realm is None else {"realm": realm})
    return _auth("basic", spec, scopes, name, description)


def anyone() -> Auth:
    """Requests without credentials, beside other ways: `auth=[bearer(...), anyone()]`. Wrong ones are refused still."""
    return Auth({})


def _auth(kind: str, spec: Any, scopes: Iterable[str], name: str | None, description: str | None) -> Auth:
    words = {"scopes": _list(scopes), "name": name, "description": description}
    return Auth({kind: spec} | {key: value for key, value in words.items() if value})


def _list(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def ways(auth: Auth | Iterable[Auth]) -> list[Mapping[str, Any]]:
    """As the core takes them. Raises TypeError."""
    listed = [auth] if isinstance(auth, Auth) else list(auth)
    for way in listed:
        if not isinstance(way, Auth):
            raise TypeError(f"auth takes bearer(...), api_key(...), basic(...) or anyone(), not {way!r}")
    return [way.spec for way in listed]


class Principal:
    """Who sent a request: `request.principal`."""

    def __init__(self, scheme: str, subject: str | None, scopes: list[str], claims: bytes) -> None:
        self.scheme = scheme
        """`bearer`, `apiKey` or `basic`."""
        self.subject = subject
        """`sub` of the token, whose the key is, or the user's name; None for a token without `sub`."""
        self.scopes = scopes
        """`scope` or `scp` of the token, or what the app says of the key or the user."""
        self._claims = claims

    @cached_property
    def claims(self) -> dict[str, Any]:
        """Every claim of the token; empty for keys and passwords."""
        claims: dict[str, Any] = msgspec.json.decode(self._claims)
        return claims

    def claims_as(self, kind: type[T]) -> T:
        """The claims as a type: a Struct, a dataclass, a TypedDict. Raises Unauthenticated when they do not fit."""
        try:
            return msgspec.json.decode(self._claims, type=kind)
        except msgspec.ValidationError as error:
            raise Unauthenticated("the token's claims are not those that are needed") from error

    def __repr__(self) -> str:
        return f"Principal({self.scheme!r}, {self.subject!r}, {self.scopes!r})"
