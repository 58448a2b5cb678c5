"""A handler's answer when a plain value is not enough: status, fields, cookies. Encodes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, Literal, TypeVar

T = TypeVar("T")


class Response(Generic[T]):
    """Content of type `T` with its status and header fields.

    `content`: encoded as JSON unless it is `bytes` or `str` (sent as they are) or None (no body).
    `status`: default 200. `headers`: a mapping, or pairs where a name may repeat.
    `content_type`: default `application/json`; `text/plain; charset=utf-8` for str and `application/octet-stream` for
    bytes, or what the route declares for the status.
    A control character other than a tab in a header makes the answer a 500 (RFC 9110 section 5.5).

    `Response(item, headers={"etag": '"3"'})`; as an annotation `Response[Item]` declares the schema of the content.
    """

    __slots__ = ("content", "content_type", "headers", "status")

    def __init__(
        self,
        content: T = None,  # type: ignore[assignment]  # `Response(status=204)` is a Response[None]
        *,
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content_type: str | None = None,
    ) -> None:
        self.content = content
        self.status = status
        self.content_type = content_type
        self.headers = list(headers.items()) if isinstance(headers, Mapping) else list(headers)

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = True,
        http_only: bool = True,
        same_site: Literal["lax", "strict", "none"] | None = "lax",
    ) -> None:
        """Adds a `Set-Cookie` field (RFC 6265). `max_age` in seconds; None is a session cookie.

        Raises ValueError for a name or value that a cookie cannot hold.
        """
        if not name or any(mark in _SEPARATORS or not "!" <= mark <= "~" for mark in name):
            raise ValueError(f"cookie name {name!r} is not a token; use letters, digits, `-`, `_`, `.`")
        if any(mark in ' ",;\\' or not "!" <= mark <= "~" for mark in value):
            raise ValueError(f"cookie {name!r} has a value that RFC 6265 forbids; encode it as base64url")
        parts = [f"{name}={value}"]
        parts += [f"Max-Age={max_age}"] * (max_age is not None)
        parts += [f"Path={path}"] * (path is not None)
        parts += [f"Domain={domain}"] * (domain is not None)
        parts += ["Secure"] * secure + ["HttpOnly"] * http_only
        parts += [f"SameSite={same_site.title()}"] if same_site else []
        self.headers.append(("set-cookie", "; ".join(parts)))

    def delete_cookie(self, name: str, *, path: str | None = "/", domain: str | None = None) -> None:
        """Tells the client to drop a cookie that was set with the same path and domain."""
        self.set_cookie(name, "", max_age=0, path=path, domain=domain)

    def __repr__(self) -> str:
        return f"Response({self.content!r}, status={self.status})"


_SEPARATORS = '()<>@,;:\\"/[]?={} \t'
