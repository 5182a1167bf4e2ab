"""Which TileLang a build is said to be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scaffold.builds import version as version_module
from scaffold.builds.build import Build
from scaffold.builds.version import UNKNOWN, tilelang_version
from scaffold.builds.workspace import Workspace


def test_a_wheel_is_what_it_is_called(tmp_path: Path) -> None:
    assert tilelang_version(Build("wheel:0.1.15", "nowhere"), Workspace(tmp_path)) == "0.1.15"


def test_an_interpreter_of_the_users_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(f"python:{sys.executable}", sys.executable)
    monkeypatch.setattr(version_module, "_ASK", "print('0.1.99')")
    version_module._asked.cache_clear()
    assert tilelang_version(build, Workspace(tmp_path)) == "0.1.99"
    monkeypatch.setattr(version_module, "_ASK", "raise SystemExit(1)")
    version_module._asked.cache_clear()
    assert tilelang_version(build, Workspace(tmp_path)) == UNKNOWN
    version_module._asked.cache_clear()
