"""pytest, and other pure Python, lent to an interpreter that has none."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from scaffold.corpus.examples import lending
from scaffold.corpus.examples.lending import PLUGIN, lend

OURS = sys.version_info[:2]
NOTHING: frozenset[str] = frozenset()


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    yield
    lending.lend.cache_clear()
    lending._projects.cache_clear()


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


def test_a_bare_interpreter_runs_tests_with_what_is_lent(bare_python: Path, tmp_path: Path) -> None:
    lent = lend(frozenset({"filelock"}), NOTHING, OURS, tmp_path)
    assert lent.refused == {}
    (tmp_path / "test_x.py").write_text("import filelock\ndef test_x(): pass\n")
    environment = {**os.environ, "PYTHONPATH": lent.path, "SCAFFOLD_PROBE_EVENTS": str(tmp_path / "events")}
    command = [str(bare_python), "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", str(tmp_path / "test_x.py")]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"event": "result"' in (tmp_path / "events").read_text()


def test_only_what_is_missing_is_lent(tmp_path: Path) -> None:
    whole = lend(NOTHING, NOTHING, OURS, tmp_path)
    some = lend(NOTHING, frozenset({"packaging", "pluggy"}), OURS, tmp_path)
    plugin = lend(NOTHING, frozenset({"pytest"}), OURS, tmp_path)
    assert {"pytest", "_pytest", "pluggy", "packaging"} <= whole.modules
    assert whole.modules - some.modules == {"packaging", "pluggy"}
    assert set(some.folders) < set(whole.folders)
    assert plugin.modules == NOTHING
    assert [path.name for path in plugin.folders[0].iterdir()] == [f"{PLUGIN}.py"]
    assert [path.name for path in (tmp_path / "lent").iterdir() if path.name.startswith(".")] == []


def test_what_cannot_be_lent_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    lent = lend(frozenset({"surely_not_here"}), frozenset({"pytest"}), OURS, tmp_path)
    assert lent.refused == {"surely_not_here": "the kit has no surely_not_here"}
    old = lend(NOTHING, NOTHING, (3, 6), tmp_path)
    assert "of the kit needs Python >=" in old.refused["pytest"]
    monkeypatch.setattr(metadata, "distribution", absent)
    lending.lend.cache_clear()
    lent = lend(NOTHING, NOTHING, OURS, tmp_path)
    assert lent.refused == {"pytest": "the kit has no pytest"}
    assert (lent.folders[0] / f"{PLUGIN}.py").is_file()


def test_compiled_modules_are_lent_to_the_same_python_only(tmp_path: Path) -> None:
    other = (OURS[0], OURS[1] + 1)
    assert lend(frozenset({"msgspec"}), frozenset({"pytest"}), OURS, tmp_path).modules == {"msgspec"}
    refused = lend(frozenset({"msgspec"}), frozenset({"pytest"}), other, tmp_path).refused
    assert refused == {"msgspec": "msgspec of the kit is compiled for another Python"}


def test_an_older_python_is_lent_what_it_needs_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = lending._distribution

    def note(project: str) -> metadata.Distribution:
        asked.append(project)
        return real("pytest" if project == "pytest" else "iniconfig")

    monkeypatch.setattr(lending, "_distribution", note)
    assert "exceptiongroup" in set(lending._closure("pytest", (3, 10)))
    assert "exceptiongroup" not in set(lending._closure("pytest", (3, 12)))
    assert asked
