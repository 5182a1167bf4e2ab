"""A release that is newer than all the kit was tried with: a relabelled wheel on a made-up index."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from realkit import OFFLINE
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.environment import Environment
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.errors import ExitCode
from scaffold.progress import Progress

NEWER = "9.1.16"
QUIET = Progress(verbosity=-1)

pytestmark = pytest.mark.skipif(OFFLINE, reason="no package index to get a wheel from")


def relabel(wheel: Path, version: str, folder: Path) -> None:
    """The same wheel as another version: TileLang reads its own from the metadata."""
    name, old, tags = wheel.name.split("-", 2)
    with (
        zipfile.ZipFile(wheel) as source,
        zipfile.ZipFile(folder / f"{name}-{version}-{tags}", "w", zipfile.ZIP_STORED) as target,
    ):
        for item in source.infolist():
            path = item.filename.replace(f"{name}-{old}.dist-info", f"{name}-{version}.dist-info")
            content = source.read(item)
            if path.endswith(".dist-info/METADATA"):
                content = content.replace(f"\nVersion: {old}\n".encode(), f"\nVersion: {version}\n".encode())
            if path.endswith(".dist-info/RECORD"):
                content = b""
            target.writestr(path, content)


@pytest.fixture
def newer(newest: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace without builds, beside an index on which a newer release has appeared."""
    index = tmp_path / "index"
    index.mkdir()
    scout = Environment(tmp_path / "scout", QUIET)
    scout.create()
    with scout.downloaded(newest.name.replace("wheel:", "tilelang==")) as wheel:
        relabel(wheel, NEWER, index)
    monkeypatch.setenv("PIP_FIND_LINKS", f"{os.environ.get('PIP_FIND_LINKS', '')} {index}".strip())
    # The PyTorch that the other tests share.
    monkeypatch.setenv("SCAFFOLD_PYTHON", newest.python)
    monkeypatch.setenv("SCAFFOLD_TORCH", "reuse")
    return Workspace(tmp_path / "workspace")


def test_a_newer_release_is_found_and_lowered(
    newer: Workspace, newest: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("tir-diff", "gemm", "--target", "cuda:sm_90a", "--no-machine-code", "--workspace", str(newer.root))
    assert run_verb(*common, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["sides"][0]["build"] == f"wheel:{NEWER}"
    assert shown["sides"][0]["tilelang_version"] == NEWER
    assert BuildStore(newer, QUIET).get().name == f"wheel:{NEWER}"
    sides = ("--baseline", f"build=python:{newest.python}", "--candidate", "build=wheel:latest")
    assert run_verb(*common, *sides) == ExitCode.USAGE
    assert f"wheel:{NEWER} are the same TileLang, file by file" in capsys.readouterr().err
