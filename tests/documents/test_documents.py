"""The documents that Spikard writes, judged by the schemas that OpenAPI and AsyncAPI publish, not by its own tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import published
import pytest
from jsonschema import Draft7Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from house.places import ROOT

Document = dict[str, Any]
INVENTORY = "examples/inventory/python/app.py"


@pytest.fixture(scope="session")
def schema() -> Draft7Validator:
    """Of AsyncAPI 3.0.0, which is written in draft 7."""
    return Draft7Validator(published.asyncapi())


def said(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def every_shape(kind: str) -> Document:
    """A document of everything that the core can write."""
    command = ["run", "--quiet", "--package", "spikard-contract", "--example", f"{kind}_document"]
    document: Document = json.loads(said(str(ROOT / "scripts" / "cargo"), *command))
    return document


def of_app(kind: str) -> Document:
    """As the command prints it."""
    document: Document = json.loads(said(sys.executable, "-m", "spikard", kind, INVENTORY))
    return document


@pytest.mark.parametrize("source", [every_shape, of_app])
def test_asyncapi_documents_are_valid(source: Callable[[str], Document], schema: Draft7Validator) -> None:
    document = source("asyncapi")
    assert document["asyncapi"] == "3.0.0"
    assert [error.message for error in schema.iter_errors(document)] == []


@pytest.mark.parametrize("source", [every_shape, of_app])
def test_openapi_documents_are_valid(source: Callable[[str], Document]) -> None:
    document = source("openapi")
    assert document["openapi"].startswith("3.1.")
    validate(document)


MISTAKES: dict[str, Callable[[Document], object]] = {
    "a field that no channel has": lambda document: document["channels"]["prices"].update(adress="/x"),
    "an action that is none": lambda document: document["operations"]["sendPrices"].update(action="shout"),
    "a server without a protocol": lambda document: document["servers"]["public"].pop("protocol"),
    "no title": lambda document: document["info"].pop("title"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_document_with_a_mistake_is_refused(mistake: str, schema: Draft7Validator) -> None:
    document = deepcopy(every_shape("asyncapi"))
    MISTAKES[mistake](document)
    assert list(schema.iter_errors(document)) != []


def test_an_openapi_document_with_a_mistake_is_refused() -> None:
    document = of_app("openapi")
    document["paths"]["/items"]["get"].pop("responses")
    document["paths"]["/items"]["get"]["parameters"][0]["in"] = "somewhere"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) != []


@pytest.mark.parametrize("kind", ["openapi", "asyncapi"])
def test_yaml_is_the_same_to_a_reader_of_yaml_1_1(kind: str, tmp_path: Path) -> None:
    yaml: Any = pytest.importorskip("yaml")
    file = tmp_path / "document.yaml"
    said(sys.executable, "-m", "spikard", kind, INVENTORY, "-o", str(file))
    assert yaml.safe_load(file.read_text()) == of_app(kind)
