"""The Ruby that builds and tests the gem, what the gem holds, and where it is tried. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .places import ROOT, STAMPS
from .places import version as release

NEEDED = (3, 1)
HOME = STAMPS / "ruby"  # an empty GEM_HOME, where what was built is installed and tried
SOURCE_HOME = STAMPS / "ruby-source"  # the same for the source gem
PACKAGE = ROOT / "packages" / "ruby"


def ask(code: str) -> str | None:
    """What Ruby prints; None when there is none."""
    try:
        done = subprocess.run(["ruby", "-e", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def version() -> str | None:
    """Version and platform: an extension module fits one `ruby_version`, 3.1.0 for every 3.1."""
    return ask('print RbConfig::CONFIG.values_at("RUBY_PROGRAM_VERSION", "ruby_version", "arch").join(" ")')


def headers() -> str | None:
    """ "" when Ruby's headers are there."""
    place = ask('print RbConfig::CONFIG["rubyhdrdir"]')
    return "" if place and (Path(place) / "ruby.h").exists() else None


def libclang() -> str | None:
    """ "" when the library that reads C headers is there, with the headers of its compiler."""
    if "LIBCLANG_PATH" in os.environ:
        return ""
    places = ("/usr/lib/llvm-*/lib/libclang.so*", "/usr/lib*/libclang.so*", "/usr/lib/*-linux-gnu/libclang-*.so*")
    root = Path("/")
    return "" if any(True for place in places for _ in root.glob(place[1:])) else None


def stage(work: Path, module: Path, program: Path) -> None:
    """Lays out in `work` what the gem of this platform holds, with its specification."""
    common(work, PLATFORM)
    shutil.copy2(module, work / "lib" / "spikard" / "spikard_rb.so")
    (work / "libexec").mkdir()
    shutil.copy2(program, work / "libexec" / program.name)


def stage_source(work: Path) -> None:
    """The same of the gem that is built where it is installed; its crates come beside."""
    common(work, SOURCE)


def common(work: Path, built: str) -> None:
    """What both hold."""
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("lib", "exe", "sig"):
        shutil.copytree(PACKAGE / folder, work / folder)
    for path in (ROOT / "LICENSE", PACKAGE / "README.md"):
        shutil.copy2(path, work)
    (work / "spikard.gemspec").write_text(SPECIFICATION % {"version": release(), "built": built})


SPECIFICATION = """\
Gem::Specification.new do |gem|
  gem.name = "spikard"
  gem.version = "%(version)s"
  gem.summary = "HTTP APIs for Ruby, on one core written in Rust"
  gem.description = "The same schema validates, documents and types each route."
  gem.authors = ["The Spikard developers"]
  gem.license = "MIT"
%(built)s
  gem.files = Dir["**/*"].select { |path| File.file?(path) }.grep_v(/\\.gem(spec)?\\z/)
  gem.bindir = "exe"
  gem.executables = ["spikard"]
end
"""

# A module fits the Ruby that it was built with, to the second number of its version.
PLATFORM = """\
  gem.platform = Gem::Platform.local
  gem.required_ruby_version = "~> #{RUBY_VERSION[/\\d+\\.\\d+/]}.0\""""
# The extension's file stands beside its Cargo.toml, where the gem rb_sys looks for it.
SOURCE = """\
  gem.required_ruby_version = ">= 3.1"
  gem.extensions = ["crates/spikard-rb/extconf.rb"]"""


def environment(home: Path = HOME) -> dict[str, str]:
    """With that GEM_HOME and its commands; RSpec stays the system's."""
    path = f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return os.environ | {"GEM_HOME": str(home), "PATH": path}
