"""Installing at the locked versions: what pip is given, and what happens where it cannot have them."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scaffold.builds.lock import locked_versions, pins_for
from scaffold.errors import EnvironmentProblem
from scaffold.locked_pip import VARIABLE, constraints_file, install_locked, main, read_pins

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "constraints.txt"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def markers_of(python: str) -> dict[str, str]:
    environment = {key: str(value) for key, value in default_environment().items()}
    return environment | {"python_version": python, "python_full_version": f"{python}.4", "extra": "cluster"}


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_holds_one_version_of_every_requirement(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = document["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    groups = [line for lines in document["dependency-groups"].values() for line in lines if isinstance(line, str)]
    markers = markers_of(python)
    locked = locked_versions(markers)
    for line in [*project["dependencies"], *extras, *groups]:
        requirement = Requirement(line)
        if requirement.name in ("torch", "tilelang") or (
            requirement.marker and not requirement.marker.evaluate(markers)
        ):
            continue
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{line}: run nox -s lock"
        assert requirement.specifier.contains(version), f"{line}: run nox -s lock"


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_has_no_project_twice_for_one_python(python: str) -> None:
    held = [Requirement(pin) for pin in read_pins(LOCK)]
    names = [pin.name for pin in held if pin.marker is None or pin.marker.evaluate(markers_of(python))]
    assert sorted(names) == sorted(set(names))


def test_lock_leaves_pytorch_and_tilelang_to_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert {"torch", "tilelang", "triton"} & set(locked_versions(markers_of("3.12"))) == set()


def make_wheel(folder: Path, name: str, version: str, *, requires: str = "", tag: str = "py3-none-any") -> None:
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {requires}\n" if requires else ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """``tool`` 1 and 2, of which each requires some ``part``; ``part`` 1, 2 and 3, the last for another system."""
    folder = tmp_path / "index"
    folder.mkdir()
    make_wheel(folder, "tool", "1", requires="part<2")
    make_wheel(folder, "tool", "2", requires="part>=1")
    make_wheel(folder, "part", "1")
    make_wheel(folder, "part", "2")
    make_wheel(folder, "part", "3", tag="cp39-cp39-win_arm64")
    return folder


def installed_by(
    arguments: Sequence[str], pins: Sequence[str], index: Path, tmp_path: Path
) -> tuple[int, set[str], list[str]]:
    """pip's exit code, the modules with their versions, and the messages of an install of this interpreter's pip."""
    target = tmp_path / "target"
    messages: list[str] = []

    def run_pip(words: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
        options = ["--no-index", f"--find-links={index}", f"--target={target}", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", *words, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code = install_locked(run_pip, arguments, pins, messages.append)
    found = {path.name.partition(".dist-info")[0] for path in target.glob("*.dist-info")}
    return code, found, messages


def test_install_takes_the_locked_versions(index: Path, tmp_path: Path) -> None:
    assert installed_by(["tool"], ["tool==2", "part==1"], index, tmp_path) == (0, {"tool-2", "part-1"}, [])


def test_install_without_a_lock_takes_the_newest(index: Path, tmp_path: Path) -> None:
    assert installed_by(["tool"], [], index, tmp_path) == (0, {"tool-2", "part-2"}, [])


@pytest.mark.parametrize(
    ("asked", "pins", "expected", "unmet"),
    [
        ("tool", ["tool==2", "part==3"], {"tool-2", "part-2"}, "part"),
        ("tool", ["tool==2", "part==9"], {"tool-2", "part-2"}, "part"),
        ("tool", ["tool==9", "part==1"], {"tool-2", "part-1"}, "tool"),
        ("tool==1", ["part==2"], {"tool-1", "part-1"}, "part"),
    ],
    ids=["no wheel here", "yanked", "direct", "bounded by a release"],
)
def test_install_names_what_it_cannot_have_and_keeps_the_other_locks(
    asked: str, pins: list[str], expected: set[str], unmet: str, index: Path, tmp_path: Path
) -> None:
    code, found, messages = installed_by([asked], pins, index, tmp_path)
    assert (code, found) == (0, expected)
    assert messages == [f"pip cannot install {unmet} at the locked version; trying the range that is required"]


def test_install_that_cannot_be_ends_with_pips_exit_code(index: Path, tmp_path: Path) -> None:
    code, found, _ = installed_by(["missing"], ["part==1"], index, tmp_path)
    assert (code, found) == (1, set())


@pytest.mark.parametrize("reason", ["OSError: [Errno 28] No space left on device", "Max retries exceeded with url"])
def test_install_is_not_repeated_where_no_other_version_helps(reason: str) -> None:
    runs: list[Sequence[str]] = []

    def run_pip(words: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
        runs.append(words)
        return 1, f"ERROR: {reason}"

    assert install_locked(run_pip, ["tool"], ["part==1"], pytest.fail) == 1
    assert len(runs) == 1


def test_build_backends_get_the_lock_too() -> None:
    seen: list[str] = []

    def run_pip(words: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
        seen.append(Path(env["PIP_BUILD_CONSTRAINT"]).read_text())
        return 0, ""

    install_locked(run_pip, ["-e", "."], ["hatchling==1.33.0"], pytest.fail)
    assert seen == ["hatchling==1.33.0\n"]


def test_constraints_come_from_the_environment_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert constraints_file() == LOCK
    monkeypatch.setenv(VARIABLE, "none")
    assert read_pins(constraints_file()) == []
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine.txt"))
    assert constraints_file() == tmp_path / "mine.txt"
    with pytest.raises(EnvironmentProblem, match=r"mine\.txt") as raised:
        pins_for(["tilelang"], [])
    assert VARIABLE in str(raised.value.hint)


def test_a_file_that_is_missing_ends_with_the_variable_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "missing.txt"))
    assert main(["-e", "."]) == 3
    assert f"cannot read the file that {VARIABLE} names" in capsys.readouterr().err


def test_pins_leave_out_what_a_release_bounds_and_what_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text("# made\napache-tvm-ffi==0.1.12\nnumpy==2.4 ; python_version >= '3.10'\ntqdm==4.70\n")
    monkeypatch.setenv(VARIABLE, str(file))
    (tmp_path / "site" / "numpy-1.26.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "numpy-1.26.dist-info" / "METADATA").write_text("Name: numpy\nVersion: 1.26\n")
    pins = pins_for(["tilelang==0.1.9", "apache_tvm_ffi<0.1.10", "--no-deps"], [tmp_path / "site"])
    assert pins == ["tqdm==4.70"]
    assert [pin.partition("==")[0] for pin in pins_for(["tilelang==0.1.15"], [])] == ["apache-tvm-ffi", "numpy", "tqdm"]
