"""Builds of a workspace: found by name, made when asked for, whole or not at all."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakebuilds import FakeBuilder, RecordedEnvironment, identity, torch_of

from scaffold.builds import from_source
from scaffold.builds import given as given_module
from scaffold.builds import prove as prove_module
from scaffold.builds import store as store_module
from scaffold.builds import wheel as wheel_module
from scaffold.builds.environment import _explain
from scaffold.builds.from_source import SourceBuildOptions
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.process import Finished
from scaffold.builds.source.model import SourceOptions
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, EnvironmentProblem, UnknownBuildError, UsageError
from scaffold.progress import Progress

MakeStore = Callable[..., BuildStore]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeStore:
    """Stores of one workspace, as one command after another opens it."""
    for module in (store_module, wheel_module, given_module):
        monkeypatch.setattr(module, "Environment", RecordedEnvironment)
    RecordedEnvironment.reset()
    FakeBuilder.reset()
    workspace = Workspace(tmp_path / "workspace")
    monkeypatch.setattr(from_source, "SourceBuilder", FakeBuilder)
    monkeypatch.setattr(store_module, "torch_environment", lambda *_: torch_of(workspace))
    monkeypatch.setattr(prove_module, "prove", lambda *_, **__: None)

    def open_store(options: SourceBuildOptions | None = None) -> BuildStore:
        return BuildStore(workspace, Progress(verbosity=-1), options=options)

    return open_store


@pytest.fixture
def builds(store: MakeStore) -> BuildStore:
    return store()


def names(builds: BuildStore) -> list[str]:
    return [build.name for build in builds.installed()]


def test_get_without_a_name_takes_the_newest_release(builds: BuildStore) -> None:
    assert builds.get().name == "wheel:0.1.15"
    assert ("tilelang==0.1.15",) in RecordedEnvironment.installs


def test_get_latest_is_the_newest_release_under_its_own_name(builds: BuildStore) -> None:
    builds.get("wheel:0.1.14")
    assert builds.get("wheel:latest").name == "wheel:0.1.15"
    assert names(builds) == ["wheel:0.1.14", "wheel:0.1.15"]


def test_get_without_a_name_keeps_to_the_newest_build_that_is_here(builds: BuildStore) -> None:
    for version in ("0.1.9", "0.1.13", "0.1.10"):
        builds.get(f"wheel:{version}")
    RecordedEnvironment.installs.clear()
    assert builds.get().name == "wheel:0.1.13"
    assert RecordedEnvironment.installs == []


def test_get_an_old_release_pins_dependencies_of_its_time(builds: BuildStore) -> None:
    builds.get("wheel:0.1.9")
    assert ("tilelang==0.1.9", "apache-tvm-ffi<0.1.10") in RecordedEnvironment.installs


def test_get_a_release_that_lies_beside_the_shared_pytorch_is_installed_all_the_same(
    builds: BuildStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(RecordedEnvironment, "install", lambda _, arguments: asked.append(tuple(arguments)))
    builds.get("wheel:0.1.15")
    assert asked[1:] == [("--ignore-installed", "--no-deps", "tilelang==0.1.15")]


def test_get_never_takes_a_half_made_wheel_for_a_whole_one(builds: BuildStore) -> None:
    RecordedEnvironment.fail = True
    with pytest.raises(BuildFailedError):
        builds.get("wheel:0.1.15")
    assert builds.installed() == []
    RecordedEnvironment.fail = False
    assert builds.get("wheel:0.1.15").name == "wheel:0.1.15"
    assert names(builds) == ["wheel:0.1.15"]
    assert RecordedEnvironment.created == ["wheel-0.1.15", "wheel-0.1.15"]


@pytest.mark.parametrize(
    "marker", ["{", "[]", '{"name": "wheel:0.1.15"}', '{"name": "wheel:0.1.15", "python": "/gone"}']
)
def test_installed_ignores_a_damaged_marker(builds: BuildStore, marker: str) -> None:
    builds.get("wheel:0.1.14")
    broken = builds.workspace.builds / "wheel-0.1.15"
    broken.mkdir()
    (broken / "build.json").write_text(marker, encoding="utf-8")
    assert names(builds) == ["wheel:0.1.14"]
    assert builds.get("wheel:0.1.15").name == "wheel:0.1.15"
    assert json.loads((broken / "build.json").read_text())["name"] == "wheel:0.1.15"


def test_get_an_interpreter_without_tilelang_says_how_to_add_it(builds: BuildStore) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        builds.get(f"python:{sys.executable}")
    assert "pip install tilelang" in str(caught.value.hint)


def test_get_an_interpreter_that_is_none_says_so(builds: BuildStore) -> None:
    with pytest.raises(EnvironmentProblem, match="does not run"):
        builds.get("python:/no/such/python")


# From source


def test_a_build_from_source_is_made_once(store: MakeStore) -> None:
    assert store().get("sdist:0.1.14").name == "sdist:0.1.14"
    assert names(store()) == ["sdist:0.1.14"]
    store().get("sdist:0.1.14")
    assert len(FakeBuilder.obtained) == len(FakeBuilder.made) == 1
    # Asked for by name once more, its source is looked at; it is the same.
    store(SourceBuildOptions()).get("sdist:0.1.14")
    assert (len(FakeBuilder.obtained), len(FakeBuilder.made)) == (2, 1)


@pytest.mark.parametrize(
    ("source", "options", "again"),
    [
        ({"tree_sha256": "9" * 64}, SourceBuildOptions(), True),
        ({"commit": "d" * 40}, SourceBuildOptions(), True),
        ({"thirdparty": {"3rdparty/tvm": "e" * 40}}, SourceBuildOptions(), True),
        ({}, SourceBuildOptions(recipe=Recipe(optimize=3)), True),
        ({}, SourceBuildOptions(recipe=Recipe(debug=True)), True),
        ({}, SourceBuildOptions(recipe=Recipe(backends=("rocm",))), True),
        ({}, SourceBuildOptions(cuda="pip"), True),
        ({}, SourceBuildOptions(recipe=Recipe(jobs=7)), False),
        ({}, SourceBuildOptions(source=SourceOptions(url="/a/mirror")), False),
        ({"origin": "git:v0.1.14", "dirty": True, "notes": ("from a mirror",)}, SourceBuildOptions(), False),
    ],
)
def test_it_is_made_again_only_when_something_it_is_made_of_changed(
    store: MakeStore, source: dict[str, Any], options: SourceBuildOptions, again: bool
) -> None:
    store(SourceBuildOptions()).get("git:main")
    FakeBuilder.source = identity(**source)
    store(options).get("git:main")
    assert len(FakeBuilder.made) == (2 if again else 1)
    store(options).get("git:main")
    assert len(FakeBuilder.made) == (2 if again else 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BuildFailedError("src/op/gemm.cc:1:2: no")])
def test_one_that_was_interrupted_is_not_whole_and_neither_is_the_one_it_was_to_replace(
    store: MakeStore, error: BaseException
) -> None:
    store(SourceBuildOptions()).get("sdist:0.1.14")
    FakeBuilder.source = identity(tree_sha256="9" * 64)
    FakeBuilder.error = error
    with pytest.raises(type(error)):
        store(SourceBuildOptions()).get("sdist:0.1.14")
    assert FakeBuilder.whole_meanwhile == [False, False]
    assert names(store()) == []
    FakeBuilder.error = None
    store().get("sdist:0.1.14")
    assert names(store()) == ["sdist:0.1.14"]


def test_one_that_cannot_be_proven_is_not_whole(store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BuildFailedError("what gets imported is another")

    with monkeypatch.context() as patch:
        patch.setattr(prove_module, "prove", refuse)
        with pytest.raises(BuildFailedError):
            store().get("sdist:0.1.14")
    assert names(store()) == []


def test_a_worktree_is_looked_at_each_time(store: MakeStore) -> None:
    for _ in range(2):
        store().get("worktree:/checkout")
    assert (len(FakeBuilder.obtained), len(FakeBuilder.made)) == (2, 1)
    FakeBuilder.source = identity(tree_sha256="9" * 64, dirty=True)
    store().get("worktree:/checkout")
    assert len(FakeBuilder.made) == 2


def test_a_verb_makes_a_build_again_the_way_it_was_asked_for(store: MakeStore) -> None:
    options = SourceBuildOptions(SourceOptions(url="/a/mirror"), Recipe(debug=True, backends=("cpu",)), "host")
    store(options).get("worktree:/checkout")
    FakeBuilder.source = identity(tree_sha256="9" * 64)
    store().get("worktree:/checkout")
    assert FakeBuilder.made == [("worktree:/checkout", options)] * 2
    store(SourceBuildOptions()).get("worktree:/checkout")
    assert FakeBuilder.made[-1] == ("worktree:/checkout", SourceBuildOptions())


def test_notes_of_the_source_are_said_when_it_is_made(
    store: MakeStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeBuilder, "source", identity(notes=("third-party sources from sdist:0.1.13, as asked",)))
    loud = BuildStore(store().workspace, Progress())
    loud.get("sdist:0.1.14")
    loud.get("sdist:0.1.14")
    assert capsys.readouterr().err.count("third-party sources from sdist:0.1.13") == 1


def test_a_builder_may_install_releases_and_learns_when_one_cannot_be_had(store: MakeStore) -> None:
    builds = store()
    builds.get("git:main")
    releases = FakeBuilder.releases
    assert releases.newest() == "0.1.15"
    assert releases.pins("0.1.9+cuda") == ("apache-tvm-ffi<0.1.10",)
    assert releases.pins("0.1.14") == ()
    found = releases.site_packages("0.1.14")
    assert found == builds.folder("wheel:0.1.14") / "env/lib/python3.12/site-packages"
    RecordedEnvironment.fail = True
    assert releases.site_packages("9.9.9") is None
    assert names(builds) == ["wheel:0.1.14", "git:main"]


@pytest.mark.parametrize(
    ("here", "preferred"),
    [
        ([], "wheel:0.1.15"),
        (["wheel:0.1.13", "wheel:0.1.9"], "wheel:0.1.13"),
        (["sdist:0.1.14", "wheel:0.1.15"], "sdist:0.1.14"),
        (["git:main", "sdist:0.1.14"], "sdist:0.1.14"),
        (["git:v0.1.13", "git:main"], "git:main"),
        (["git:main", "git:v0.1.13"], "git:v0.1.13"),
        (["worktree:/", "git:main", "wheel:0.1.15"], "git:main"),
        (["git:main", "worktree:/", "wheel:0.1.15"], "worktree:/"),
        (["git:main", "worktree:/no/longer/there", "wheel:0.1.15"], "git:main"),
    ],
)
def test_the_default_is_the_one_from_source_made_last_else_the_newest_wheel(
    builds: BuildStore, here: list[str], preferred: str
) -> None:
    for number, name in enumerate(here):
        builds.get(name)
        os.utime(builds.folder(name) / "build.json", (number, number))
    assert builds.get().name == preferred


# Removing


@pytest.mark.parametrize("name", ["wheel:0.1.14", "sdist:0.1.14", "worktree:/checkout"])
def test_remove_takes_the_build_and_leaves_what_others_share(builds: BuildStore, name: str) -> None:
    shared = builds.workspace.thirdparty / "tvm-one"
    shared.mkdir(parents=True)
    (shared / "kept.h").touch()
    builds.get(name)
    (builds.folder(name) / "3rdparty").symlink_to(shared)
    builds.get("wheel:0.1.9")
    assert builds.remove(name) == builds.folder(name)
    assert not builds.folder(name).exists()
    assert names(builds) == ["wheel:0.1.9"]
    assert (shared / "kept.h").exists()


def test_remove_takes_what_is_half_made(builds: BuildStore) -> None:
    FakeBuilder.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        builds.get("sdist:0.1.14")
    builds.remove("sdist:0.1.14")
    assert not builds.folder("sdist:0.1.14").exists()


def test_remove_what_is_not_there_says_what_is(builds: BuildStore) -> None:
    with pytest.raises(UnknownBuildError) as caught:
        builds.remove("wheel:0.1.9")
    assert str(caught.value.hint) == "there are: none"
    builds.get("wheel:0.1.14")
    with pytest.raises(UnknownBuildError) as caught:
        builds.remove("wheel:latest")
    assert "wheel:0.1.14" in str(caught.value.hint)


def test_remove_leaves_the_users_interpreter_alone(builds: BuildStore) -> None:
    with pytest.raises(UsageError, match="yours"):
        builds.remove(f"python:{sys.executable}")
    assert Path(sys.executable).exists()


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


def test_a_bare_worktree_is_the_checkout_one_stands_in_and_stays_it_elsewhere(
    store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout, elsewhere = tmp_path / "tilelang", tmp_path / "elsewhere"
    for path in (checkout / "CMakeLists.txt", checkout / "tilelang" / "__init__.py", checkout / "src" / "ir.cc"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    elsewhere.mkdir()
    monkeypatch.chdir(checkout)
    name = store().get("worktree").name
    assert name == f"worktree:{checkout}"
    monkeypatch.chdir(elsewhere)
    assert store().get().name == name
    with pytest.raises(UnknownBuildError):
        store().get("worktree")
