"""Each test runs in every language, whose package is installed first. `-k node` for one."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parents[1] / "scripts")]

from languages import LANGUAGES, Language, install  # noqa: E402

# Two thousand connections, and what else is open.
_, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, HARD) if HARD != resource.RLIM_INFINITY else 8192, HARD))


@pytest.fixture(params=LANGUAGES, ids=[language.name for language in LANGUAGES], scope="session")
def language(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    install(chosen)
    return chosen
