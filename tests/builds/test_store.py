"""Builds: names, half-made ones, what pip's failures become."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from scaffold.builds import store as store_module
from scaffold.builds.environment import Environment, _explain
from scaffold.builds.process import Finished
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, EnvironmentProblem, UnknownBuildError
from scaffold.progress import Progress


class RecordedEnvironment(Environment):
    """An environment that makes folders and notes what pip would be asked for."""

    installs: ClassVar[list[tuple[str, ...]]] = []
    fail: ClassVar[bool] = False

    def create(self) -> None:
        self.python.parent.mkdir(parents=True, exist_ok=True)
        self.python.touch()

    def share(self, other: Environment) -> None:
        assert other.folder.name.startswith("torch")

    def install(self, arguments: Sequence[str]) -> None:
        if type(self).fail:
            message = "cannot install"
            raise BuildFailedError(message)
        type(self).installs.append(tuple(arguments))

    def would_install(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        return [{"metadata": {"version": "2.13.0+cpu" if "torch" in arguments[0] else "0.1.15"}}]


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildStore:
    monkeypatch.setattr(store_module, "Environment", RecordedEnvironment)
    monkeypatch.setattr(RecordedEnvironment, "installs", [])
    monkeypatch.setattr(RecordedEnvironment, "fail", False)
    return BuildStore(Workspace(tmp_path), Progress(verbosity=-1), torch="torch==2.13.0")


@pytest.mark.parametrize("name", ["wheel", "wheel:", "wheel:../x", "wheel:0.1.15; rm -rf", "conda:base", "0.1.15"])
def test_get_an_unknown_form_names_the_known_ones(builds: BuildStore, name: str) -> None:
    with pytest.raises(UnknownBuildError) as caught:
        builds.get(name)
    assert "wheel:0.1.15" in str(caught.value.hint)


def test_get_without_a_name_takes_the_newest_release(builds: BuildStore) -> None:
    assert builds.get().name == "wheel:0.1.15"
    assert ("tilelang==0.1.15",) in RecordedEnvironment.installs


def test_get_without_a_name_keeps_to_the_newest_build_that_is_here(builds: BuildStore) -> None:
    for version in ("0.1.9", "0.1.13"):
        builds.get(f"wheel:{version}")
    RecordedEnvironment.installs.clear()
    assert builds.get().name == "wheel:0.1.13"
    assert RecordedEnvironment.installs == []


def test_get_an_old_release_pins_dependencies_of_its_time(builds: BuildStore) -> None:
    builds.get("wheel:0.1.9")
    assert ("tilelang==0.1.9", "apache-tvm-ffi<0.1.10") in RecordedEnvironment.installs


def test_get_a_second_build_shares_pytorch(builds: BuildStore) -> None:
    builds.get("wheel:0.1.14")
    builds.get("wheel:0.1.15")
    assert [item for item in RecordedEnvironment.installs if item[0].startswith("torch")] == [("torch==2.13.0",)]


def test_get_never_takes_a_half_made_build_for_a_whole_one(builds: BuildStore) -> None:
    RecordedEnvironment.fail = True
    with pytest.raises(BuildFailedError):
        builds.get("wheel:0.1.15")
    assert builds.installed() == []
    RecordedEnvironment.fail = False
    assert builds.get("wheel:0.1.15").name == "wheel:0.1.15"
    assert [build.name for build in builds.installed()] == ["wheel:0.1.15"]


def test_installed_ignores_a_damaged_marker(builds: BuildStore) -> None:
    builds.get("wheel:0.1.14")
    broken = builds.workspace.builds / "wheel-0.1.15"
    broken.mkdir()
    (broken / "build.json").write_text("{", encoding="utf-8")
    assert [build.name for build in builds.installed()] == ["wheel:0.1.14"]
    assert builds.get("wheel:0.1.15").name == "wheel:0.1.15"
    assert json.loads((broken / "build.json").read_text())["name"] == "wheel:0.1.15"


def test_get_an_interpreter_without_tilelang_says_how_to_add_it(builds: BuildStore) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        builds.get(f"python:{sys.executable}")
    assert "pip install tilelang" in str(caught.value.hint)


def test_get_an_interpreter_that_is_none_says_so(builds: BuildStore) -> None:
    with pytest.raises(EnvironmentProblem, match="does not run"):
        builds.get("python:/no/such/python")


@pytest.mark.parametrize(
    ("log", "reason", "hint"),
    [
        (
            "WARNING: Retrying ... NewConnectionError\nERROR: Could not find a version",
            "Could not find",
            "no package index answers",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "the disk is full",
            "--workspace",
        ),
        ("ERROR: No matching distribution found for tilelang==9.9.9", "No matching distribution", "check the version"),
        ("segfault", "pip ended with 1", "read "),
    ],
)
def test_explain_turns_a_pip_log_into_a_reason_and_a_remedy(tmp_path: Path, log: str, reason: str, hint: str) -> None:
    path = tmp_path / "log.txt"
    path.write_text(log)
    error = _explain(["tilelang==9.9.9"], Finished(1, path))
    assert reason in error.message
    assert hint in str(error.hint)
