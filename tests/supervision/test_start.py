"""What a person reads whose app is wrong: the language's own words, the file and the line, and nothing of ours."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

import pytest
from clients import LIMIT
from languages import Language
from supervised import folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Sources with mistakes of one language, and what is said of each."""

    unreadable: str
    """Line 2 cannot be compiled."""
    fails: str
    """Line 2 raises "boom"."""
    frames: tuple[str, ...]
    """Parts of our own frames, which nobody wants to read."""
    several: tuple[str, str] | None
    """Two apps, and how one of them is named."""
    mistaken: str
    """Line 3 declares a route whose path has no slash."""


WRONG = {
    "python": Wrong(
        unreadable="# an app\napp = = 1\n",
        fails="# an app\nraise RuntimeError('boom')\n",
        frames=("_worker.py", "importlib"),
        several=("from spikard import Spikard\nshop, stock = Spikard(), Spikard()\n", "app.py:shop, app.py:stock"),
        mistaken="from spikard import Spikard\napp = Spikard()\n@app.get('items')\ndef items() -> str: ...\n",
    ),
    "node": Wrong(
        unreadable="// an app\nconst app = = 1;\n",
        fails="// an app\nthrow new Error('boom');\n",
        frames=("worker.js", "node:internal/modules/esm"),
        several=(
            'import { App } from "spikard";\nexport const shop = new App(), stock = new App();\n',
            "app.mjs:shop, app.mjs:stock",
        ),
        mistaken='import { App } from "spikard";\nexport const app = new App();\napp.get("items", () => "");\n',
    ),
    "ruby": Wrong(
        unreadable="# an app\nclass Shop end end\n",
        fails="# an app\nraise 'boom'\n",
        frames=("worker.rb", "-e:"),
        several=(
            'require "spikard"\nclass Shop < Spikard::App; end\nclass Stock < Spikard::App; end\n',
            "app.rb:Shop, app.rb:Stock",
        ),
        mistaken='require "spikard"\nclass Shop < Spikard::App\n  get("items") { "" }\nend\n',
    ),
    "php": Wrong(
        unreadable="<?php\n$app = = 1;\n",
        fails="<?php\nthrow new Exception('boom');\n",
        frames=("vendor/spikard",),
        several=None,  # it is a program
        mistaken="<?php require __DIR__ . '/../vendor/autoload.php';\n$app = new Spikard\\App();\n"
        "$app->get('items', fn (): string => '');\n$app->run();\n",
    ),
}


@pytest.fixture
def wrong(language: Language) -> Wrong:
    return WRONG[language.name]


def said(language: Language, source: str, *words: str) -> tuple[int, str, str]:
    """Code and outputs of the command over an app with this source."""
    with folder(language) as place:
        (place / language.app).write_text(source)
        command = [*language.spikard, *words, language.app]
        done = subprocess.run(
            command, cwd=place, env=language.environment(), capture_output=True, text=True, timeout=LIMIT
        )
    return done.returncode, done.stdout, done.stderr


RUN = ("run", "--port", "0")


def test_what_cannot_be_read_names_file_and_line(language: Language, wrong: Wrong) -> None:
    code, out, told = said(language, wrong.unreadable, *RUN)
    assert (code, out) == (1, "")
    places = (f"{language.app}:2", f'{language.app}", line 2', f"{language.app} on line 2")
    assert any(place in told for place in places), told
    assert [frame for frame in wrong.frames if frame in told] == [], told


def test_what_fails_is_told_without_frames_of_ours(language: Language, wrong: Wrong) -> None:
    code, out, told = said(language, wrong.fails, *RUN)
    assert (code, out) == (1, "")
    assert "boom" in told
    assert [frame for frame in wrong.frames if frame in told] == [], told


def test_several_apps_of_a_file_are_listed_and_none_is_chosen(language: Language, wrong: Wrong) -> None:
    if wrong.several is None:
        return
    source, names = wrong.several
    code, _, told = said(language, source, *RUN)
    assert code == 1
    assert told.endswith(f"name one: {names}\n"), told


def test_mistakes_are_a_list_and_for_programs_each_has_its_place(language: Language, wrong: Wrong) -> None:
    place, message = f"{language.app}:3: GET items", 'a path starts with `/`; write "/items"'
    assert said(language, wrong.mistaken, *RUN) == (1, "", f"{language.note}{place}: {message}\n")
    code, out, told = said(language, wrong.mistaken, "check", "--json")
    assert (code, told) == (1, "")
    assert json.loads(out)["mistakes"] == [{"place": place, "message": message}]


def test_what_serves_nothing_is_told(language: Language) -> None:
    code, _, told = said(language, "<?php\n" if language.name == "php" else "\n", *RUN)
    assert code == 1
    assert told.startswith("spikard: "), told
    assert language.app in told
