"""Runs the Python of both READMEs as a newcomer would: paste it, call it. Rust's runs in `cargo test --doc`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from spikard import TestClient

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "packages/python/README.md"])
def test_the_snippet_serves_an_item_and_a_problem(page: str) -> None:
    names: dict[str, Any] = {"__name__": "app"}
    (snippet,) = BLOCK.findall((ROOT / page).read_text())
    exec(compile(snippet, page, "exec"), names)

    with TestClient(names["app"]) as client:
        assert "bolt" in client.get("/items/1").text
        missing = client.get("/items/3")
        assert (missing.status, missing.json()["code"], missing.json()["detail"]) == (404, "not-found", "no item 3")
        assert client.get("/items/first").status == 422


def test_what_the_readme_promises_beside_the_snippet() -> None:
    names: dict[str, Any] = {"__name__": "app"}
    exec(BLOCK.findall((ROOT / "README.md").read_text())[0], names)

    with TestClient(names["app"]) as client:
        assert client.get("/items/1?times=2").json() == ["bolt", "bolt"]
        assert client.get("/items/1?times=10").json()["errors"][0]["keyword"] == "maximum"
        assert client.get("/openapi.json").json()["info"] == {"title": "Inventory", "version": "1.0.0"}


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md", "docs/architecture.md"])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not ((ROOT / page).parent / link).exists() and not (ROOT / link).exists()] == []
