"""Rules that the fixture files themselves keep: the schema, ids, and that everything with a name has a case."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from runner.cases import ROOT, Case, files, load, parse

TABLE = ROOT.parent.parent / "crates" / "spikard" / "src" / "problem.rs"
ROW = re.compile(r'^\s+\w+ "([a-z-]+)" (\d{3}) "', re.MULTILINE)
LIMITS = {
    "body_limit": "limits/body/",
    "header_limit": "limits/header/block",
    "header_count": "limits/header/count",
    "target_limit": "limits/target/",
    "header_timeout_ms": "timeouts/header",
    "body_timeout_ms": "timeouts/body",
    "handler_timeout_ms": "timeouts/handler",
    "keep_alive_ms": "timeouts/idle",
}
STYLES = {
    "path": ["list", "integer", "number", "boolean"],
    "query": ["list/form", "list/comma", "list/space", "list/pipe", "integer", "number", "boolean"],
    "header": ["list/commas", "integer", "number", "boolean"],
    "cookie": ["list", "integer", "number", "boolean"],
}


def broken_rules(root: Path = ROOT) -> list[str]:
    """Every rule that a fixture file, or the set of them, breaks."""
    cases = load(root)
    return [*_files(root), *missing_rows(cases, rows()), *_missing_names(cases)]


def _files(root: Path) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads((root / "fixture.schema.json").read_text()))
    found = []
    for path in files(root):
        fixture = parse(path.read_text())
        place = path.relative_to(root)
        found += [f"{place}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(fixture)]
        if fixture.get("id") != str(place.with_suffix("")):
            found.append(f"{place}: id is {fixture.get('id')!r}; write {str(place.with_suffix(''))!r}")
        contract = parse((root / fixture["contract"]).read_text())
        if "operation" in fixture and fixture["operation"] not in operations(contract):
            found.append(f"{place}: operation {fixture['operation']!r} is not in {fixture['contract']}")
    return found


def operations(contract: Mapping[str, Any], policy: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Operations of a contract and its groups by operationId; groups' policies are inherited."""
    found: dict[str, dict[str, Any]] = {}
    for item in contract.get("paths", {}).values():
        for operation in item.values():
            inherited = {"x-spikard-policy": {**(policy or {}), **operation.get("x-spikard-policy", {})}}
            found[operation["operationId"]] = operation | inherited
    for group in [*contract.get("x-spikard-groups", []), *contract.get("groups", [])]:
        found |= operations(group, {**(policy or {}), **group.get("policy", {})})
    return found


def rows() -> dict[str, int]:
    """The error table of the core: code and status."""
    return {code: int(status) for code, status in ROW.findall(TABLE.read_text())}


def missing_rows(cases: list[Case], table: dict[str, int]) -> list[str]:
    """Rows of the error table that no case expects, and codes that are no row."""
    expected = {expect["problem"]["code"] for case in cases for expect in case.expects if "problem" in expect}
    own = {case.reply["problem"]["code"] for case in cases if "problem" in case.reply} - table.keys()
    return [
        *(f"no case expects the problem {code}" for code in sorted(table.keys() - expected)),
        *(f"{code} is not in the error table" for code in sorted(expected - table.keys() - own)),
    ]


def _missing_names(cases: list[Case]) -> list[str]:
    ids = [case.id for case in cases]
    wanted = [*LIMITS.values(), *(f"{place}/{kind}" for place, kinds in STYLES.items() for kind in kinds)]
    return [f"no case is named {name}…" for name in wanted if not any(case.startswith(name) for case in ids)]
