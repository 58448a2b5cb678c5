"""Every Python snippet of the guide runs: a section is one program."""

from __future__ import annotations

from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "python.md"


def sections() -> list[tuple[str, str]]:
    """Title and program of each section; blank lines before a snippet, so that a failure names the guide's line."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    inside = False
    for number, line in enumerate(GUIDE.read_text().splitlines()):
        if line.startswith("## "):
            lines = found.setdefault(line.removeprefix("## "), [])
        elif line.startswith("```"):
            inside = line == "```python"
        elif inside:
            lines += [""] * (number - len(lines)) + [line]
    return [(title, "\n".join(program)) for title, program in found.items() if program]


@pytest.mark.parametrize(("title", "program"), [pytest.param(*section, id=section[0]) for section in sections()])
def test_the_snippets_of_a_section_run(
    title: str, program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(program, str(GUIDE), "exec", dont_inherit=True), {"__name__": f"guide.{title}"})


def test_the_guide_has_sections() -> None:
    assert len(sections()) >= 12
