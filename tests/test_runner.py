"""Tests of the runner itself: what it must notice. The fixtures' own rules are `python -m runner check`."""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runner import compare, http2, oracle, rules, wire
from runner.cases import ROOT, Case, build, expand, load, parse
from runner.run import known_failing, reason, run

VECTORS = json.loads((ROOT / "compare-vectors.json").read_text())
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: r\r\n\r\nhi"


@pytest.fixture(scope="session")
def cases() -> list[Case]:
    return load()


@pytest.mark.parametrize("vector", VECTORS["equal"], ids=str)
def test_comparer(vector: dict[str, Any]) -> None:
    assert compare.equal(parse(vector["left"]), parse(vector["right"])) is vector["equal"]


@pytest.mark.parametrize("vector", VECTORS["exact"], ids=str)
def test_exact_numbers(vector: dict[str, Any]) -> None:
    assert compare.equal(parse(vector["left"]), parse(vector["right"]), exact=True) is vector["equal"]


@pytest.mark.parametrize("vector", VECTORS["errors"], ids=str)
def test_errors_are_a_set(vector: dict[str, Any]) -> None:
    def entries(of: list[list[str]]) -> list[dict[str, str]]:
        return [dict(zip(("in", "pointer", "keyword"), entry, strict=True)) for entry in of]

    body = {"type": "urn:spikard:problem:x", "title": "X", "status": 422, "code": "x", "request_id": "r"}
    response = wire.Response(
        422,
        [("content-type", "application/problem+json"), ("x-request-id", "r")],
        json.dumps(body | {"errors": entries(vector["left"])}).encode(),
    )
    found = compare.problem({"code": "x", "status": 422, "errors": entries(vector["right"])}, response, {})
    assert (found == []) is vector["equal"]


def test_seconds_may_have_gone_by_in_a_program_that_needs_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not compare.same("1796", "1800")
    monkeypatch.setattr(compare, "PATIENCE", 30.0)
    for got, wanted in [
        ("1796", "1800"),
        ('"default";r=0;t=3597', '"default";r=0;t=3600'),
        ("try again in 1796 s", "try again in 1800 s"),
    ]:
        assert compare.same(got, wanted)
    for got, wanted in [
        ("1801", "1800"),
        ("1700", "1800"),
        ('"default";r=1;t=3600', '"default";r=0;t=3600'),
        ("again in 1800 s", "try again in 1800 s"),
    ]:
        assert not compare.same(got, wanted)
    response = wire.Response(200, [("retry-after", "9"), ("x-count", "9")], b"")
    assert compare.respond({"status": 200, "headers": {"retry-after": "10"}}, response, {}) == []
    assert compare.respond({"status": 200, "headers": {"x-count": "10"}}, response, {}) != []


def test_the_fixtures_keep_their_rules() -> None:
    assert rules.broken_rules() == []


def test_a_missing_row_of_the_error_table_is_found(cases: list[Case]) -> None:
    assert len(rules.rows()) > 15
    assert rules.missing_rows(cases, rules.rows() | {"brand-new": 499}) == ["no case expects the problem brand-new"]


def test_ids_are_unique(cases: list[Case]) -> None:
    assert len({case.id for case in cases}) == len(cases)


def test_the_oracle_agrees(cases: list[Case]) -> None:
    judged, disagreements = oracle.judge(cases)
    assert judged > 500
    assert disagreements == []


def test_the_oracle_disagrees_with_a_wrong_fixture(cases: list[Case]) -> None:
    case = next(case for case in cases if case.id.startswith("query/integer/type"))
    _, disagreements = oracle.judge([dataclasses.replace(case, observe={"called": 1})])
    assert len(disagreements) == 1


def test_a_matrix_keeps_types_and_looks_into_objects() -> None:
    source = {
        "id": "a/b",
        "matrix": {"v": [{"text": "3", "value": 3}], "w": ["x", None]},
        "request": {"target": "/?v=${v.text}${w}"},
        "observe": {"query": {"v": "${v.value}", "w": "${w}"}},
    }
    first, second = expand(source)
    assert first["request"] == {"target": "/?v=3x"}
    assert second["observe"] == {"query": {"v": 3, "w": None}}
    assert first["id"] == "a/b[v=3,w=x]"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
        b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
        OK + b"stray",
    ],
)
def test_what_a_client_could_misread_is_an_error(answer: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.in_process(answer, ["GET"])


def test_a_body_after_head_is_found() -> None:
    with pytest.raises(wire.WireError):
        wire.in_process(OK, ["HEAD"])


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers every connection with OK and closes it without saying so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    peer.sendall(OK)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_connection_that_closes_unsaid_counts_as_closed(echo: int) -> None:
    exchange = wire.over_socket(echo, [b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"], ["GET"])
    assert exchange.closed
    assert exchange.responses[0].body == b"hi"


def small(**members: Any) -> Case:
    request = {"method": "GET", "target": "/"}
    source = {"id": "a/b", "contract": "c", "request": request, "observe": {"called": 0}, "expect": {"status": 200}}
    return build(source | members, {})


def test_a_dead_recorder_is_a_failed_case() -> None:
    results = run([small(), small(id="a/c")], f"{sys.executable} -c 'raise SystemExit(\"gone\")'")
    assert [result.passed for result in results] == [False, False]
    assert "dead (exit code 1): gone" in results[0].failures[0]


def talker(folder: Path, answer: dict[str, Any], *, serves: bool = False) -> str:
    """Command of a recorder that gives one answer to everything, and may answer one connection with OK."""
    program = folder / "talker.py"
    serve = f"""
def serve():
    listener = socket.socket(fileno=int(os.environ["SPIKARD_FD"]))
    peer, _ = listener.accept()
    for _ in range(2):
        peer.recv(65536)
        peer.sendall({OK!r})
threading.Thread(target=serve, daemon=True).start()
"""
    program.write_text(
        f"import os, socket, sys, threading\n{serve if serves else ''}"
        f"for line in sys.stdin:\n    print({json.dumps(answer)!r}, flush=True)\n"
    )
    return f"{sys.executable} {program}"


def test_a_recorder_that_serves_passes_and_its_wrong_answers_fail(tmp_path: Path) -> None:
    command = talker(tmp_path, {"ready": True, "called": 0}, serves=True)
    assert run([small()], command)[0].failures == []
    assert len(run([small(observe={"called": 1})], command)[0].failures) == 1
    assert len(run([small(expect={"status": 201})], command)[0].failures) == 1
    assert len(run([small(expect={"status": 200, "text": "ho"})], command)[0].failures) == 1


def test_a_known_failure_that_passes_is_not_good(tmp_path: Path) -> None:
    known = {"a/*": "not there yet"}
    assert [result.good for result in run([small()], "false", known=known)] == [True]
    command = talker(tmp_path, {"ready": True, "called": 0}, serves=True)
    assert [result.good for result in run([small()], command, known=known)] == [False]


def test_a_gap_of_the_platform_is_known_and_not_run(tmp_path: Path) -> None:
    results = run([small(requires=["ipv6"])], talker(tmp_path, {"ready": True, "lacks": ["ipv6"]}))
    assert [(result.good, result.known) for result in results] == [(True, "the platform lacks ipv6")]


def test_known_failures_need_a_reason(tmp_path: Path) -> None:
    (tmp_path / "ruby.txt").write_text("# comment\nquery/*\n")
    with pytest.raises(ValueError, match=r"ruby\.txt:2: write a reason"):
        known_failing("ruby", tmp_path)
    (tmp_path / "ruby.txt").write_text("query/x[* numbers are text\n")
    assert reason("query/x[v=1]", known_failing("ruby", tmp_path)) == "numbers are text"


def test_a_case_over_http2_is_the_same_request_in_fields() -> None:
    request = {"method": "POST", "target": "/a?b", "headers": [["X-A", "1"]], "body": {"json": {"a": 1}}}
    head, body = http2.fields(small(request=request))
    pseudo = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a?b"), (b":authority", b"fixtures.test")]
    assert head == [*pseudo, (b"content-type", b"application/json"), (b"content-length", b"7"), (b"x-a", b"1")]
    assert body == b'{"a":1}'


def test_what_a_case_says_of_a_connection_has_no_counterpart_in_http2() -> None:
    raw = {"raw_text": "GET / HTTP/1.1\r\n\r\n"}
    assert http2.why_not(small(request=raw))
    assert not http2.why_not(small())
    assert run([small(request=raw)], "false", transport="http2") == []
    left = http2.counterpart(
        small(expect={"status": 200, "closed": True, "headers": {"connection": "close", "a": "b"}})
    )
    assert left.expects == [{"status": 200, "headers": {"a": "b"}}]
