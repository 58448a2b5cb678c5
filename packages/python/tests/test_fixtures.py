"""The shared fixtures through the test client: no socket, the same cases and the same judge as over the wire."""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from openapi_spec_validator import validate

from spikard import TestClient

TESTS = Path(__file__).parents[3] / "tests"
if not (TESTS / "runner").is_dir():
    pytest.skip("the repository's fixtures are not here", allow_module_level=True)
sys.path.insert(0, str(TESTS))

from runner import compare, wire  # noqa: E402 (found on the path made above)
from runner.cases import Case, load  # noqa: E402
from runner.cases import contract as laid_out  # noqa: E402
from runner.run import known_failing, reason  # noqa: E402

KNOWN = known_failing("python")


def recorder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recording_app", TESTS / "recorders" / "python" / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORDER = recorder()


@functools.cache
def served(contract: str, config: str, document: str) -> tuple[TestClient, Any]:
    """One app per contract and config, as over the wire."""
    recording = RECORDER.Recording()
    return TestClient(RECORDER.build(json.loads(document), json.loads(config), recording)), recording


def parameters() -> list[Any]:
    marked = []
    for case in load():
        if case.wire:
            continue  # pauses between bytes: only a socket has them
        why = reason(case.id, KNOWN)
        marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
        marked.append(pytest.param(case, id=case.id, marks=marks))
    return marked


@pytest.mark.parametrize(
    "contract", sorted((TESTS / "fixtures" / "contracts").glob("*.json")), ids=lambda path: path.stem
)
def test_the_document_of_each_contract_is_openapi(contract: Path) -> None:
    app = RECORDER.build(json.loads(json.dumps(laid_out(contract))), {}, RECORDER.Recording())
    validate(app.openapi())


@pytest.mark.parametrize("case", parameters())
def test_fixture(case: Case) -> None:
    client, recording = served(case.contract, json.dumps(case.config), json.dumps(case.document))
    recording.prepare(json.loads(json.dumps(case.reply)), json.loads(json.dumps(case.hooks)))
    answer = client.exchange(b"".join(case.sends))
    exchange = wire.in_process(answer, [case.method(index) for index in range(len(case.expects))])
    assert compare.check(case, exchange, recording.observed()) == []
