"""Spikard: HTTP APIs on one core written in Rust. This page is the contents; each name is documented where it lives."""

from typing import TYPE_CHECKING

from spikard.app import Spikard, State
from spikard.auth import Auth, Principal, anyone, api_key, basic, bearer
from spikard.errors import (
    Conflict,
    ContentTooLarge,
    DefinitionError,
    Forbidden,
    HandlerTimeout,
    HeadersTooLarge,
    InternalError,
    InvalidRequest,
    MalformedJson,
    MalformedRequest,
    MethodNotAllowed,
    MethodNotImplemented,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    Problem,
    RangeNotSatisfiable,
    RequestTimeout,
    ResponseInvalid,
    SpikardError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    UriTooLong,
)
from spikard.limits import RateLimit
from spikard.parameters import Body, Cookie, Header, Meta, Path, Query
from spikard.request import Headers, Request
from spikard.response import Response
from spikard.routing import Router
from spikard.testing import AsyncTestClient, TestClient

if not TYPE_CHECKING:  # a type checker knows the names
    from spikard.guesses import import_of as __getattr__  # noqa: F401

__all__ = [
    "AsyncTestClient",
    "Auth",
    "Body",
    "Conflict",
    "ContentTooLarge",
    "Cookie",
    "DefinitionError",
    "Forbidden",
    "HandlerTimeout",
    "Header",
    "Headers",
    "HeadersTooLarge",
    "InternalError",
    "InvalidRequest",
    "MalformedJson",
    "MalformedRequest",
    "Meta",
    "MethodNotAllowed",
    "MethodNotImplemented",
    "NotAcceptable",
    "NotFound",
    "Path",
    "PreconditionFailed",
    "Principal",
    "Problem",
    "Query",
    "RangeNotSatisfiable",
    "RateLimit",
    "Request",
    "RequestTimeout",
    "Response",
    "ResponseInvalid",
    "Router",
    "Spikard",
    "SpikardError",
    "State",
    "TestClient",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedMediaType",
    "UriTooLong",
    "anyone",
    "api_key",
    "basic",
    "bearer",
]
