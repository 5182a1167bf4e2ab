"""Bundles set up: what a workspace looks like after, and every way of refusing before."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from bundlekit import Bundler, fake_torch

from scaffold.builds.bundle import box
from scaffold.builds.bundle.box import Interpreter, ask_interpreter, choose_interpreter, find_torch, require_fit
from scaffold.builds.bundle.file import BundleFile
from scaffold.builds.bundle.install import offline_environment
from scaffold.builds.bundle.manifest import Requirements
from scaffold.builds.bundle.unpack import InstalledBundle, set_up
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.errors import BundleFileError, EnvironmentProblem, ExitCode, OutputFolderError, UsageError
from scaffold.progress import Progress

BOX = Interpreter(
    "/usr/bin/python3", "/usr/bin/python3", "3.12", "cpython", False, "linux", "x86_64", "2.36", "", "", ()
)
NEEDS = Requirements("3.12", "linux", "x86_64", "manylinux_2_28_x86_64", "2.28")


@pytest.fixture
def bundler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundler:
    return Bundler(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def installable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a real pip; copied by tests that install it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return Bundler(tmp_path_factory.mktemp("bundle"), monkeypatch)(with_pip=True).path


@pytest.fixture
def bundle(installable: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy2(installable, tmp_path))


def unpacked(bundle: Path, said: list[str] | None = None) -> InstalledBundle:
    torch = fake_torch(bundle.parent / "torch")
    say = (said if said is not None else []).append
    return set_up(bundle, workspace=bundle.parent / "workspace", torch=str(torch), python=sys.executable, say=say)


def test_set_up_makes_the_kit_and_ordinary_builds_and_completes_what_was_cut_short(bundle: Path) -> None:
    installed = unpacked(bundle)
    root = installed.workspace
    assert (root / "kit" / "README.md").read_text() == "the kit\n"
    assert (root / "kit" / "run.sh").stat().st_mode & 0o111
    (build,) = BuildStore(Workspace(root), Progress(verbosity=-1)).installed()
    code = "import tilelang, torch; print(tilelang.__version__, torch.__version__)"
    said = subprocess.run([build.python, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert (build.name, said.stdout.split()) == ("wheel:0.1.15", ["0.1.15", "2.0"]), "its own TileLang, the box's torch"
    assert subprocess.run([installed.python, "-c", "import kitlike"]).returncode == 0
    assert not (root / "tmp" / "bundle").exists()

    again: list[str] = []
    unpacked(bundle, again)
    assert not [line for line in again if line.startswith(("unpacking", "installing"))]

    # Killed while the build was being installed: no marker, half an environment. The user worked in the kit meanwhile.
    (root / "builds/wheel-0.1.15/build.json").unlink()
    shutil.rmtree(root / "builds/wheel-0.1.15/env/lib")
    (root / "kit" / "README.md").write_text("mine\n")
    resumed: list[str] = []
    unpacked(bundle, resumed)
    assert [line for line in resumed if line.startswith("installing")] == ["installing wheel:0.1.15: 2 wheels"]
    assert (root / "kit" / "README.md").read_text() == "mine\n"
    assert [item.name for item in BuildStore(Workspace(root), Progress(verbosity=-1)).installed()] == ["wheel:0.1.15"]


def test_set_up_leaves_a_build_alone_that_no_bundle_made(bundle: Path) -> None:
    folder = bundle.parent / "workspace/builds/wheel-0.1.15"
    (folder / "env/bin").mkdir(parents=True)
    (folder / "env/bin/python").symlink_to(sys.executable)
    (folder / "build.json").write_text(json.dumps({"name": "wheel:0.1.15", "python": str(folder / "env/bin/python")}))
    said: list[str] = []
    unpacked(bundle, said)
    assert any("left as it is" in line for line in said)
    assert not (folder / "log.txt").exists()


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_bundle_says_so_before_anything_is_written(bundler: Bundler, kept: float) -> None:
    bundle = bundler().path
    data = bundle.read_bytes()
    bundle.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(BundleFileError, match="cut short") as caught:
        unpacked(bundle)
    assert "copy it again" in str(caught.value.hint)
    assert not (bundle.parent / "workspace").exists()


@pytest.mark.parametrize("member", ["native.xz", "rest.xz", "manifest.json"])
def test_an_altered_bundle_is_refused(bundler: Bundler, member: str) -> None:
    bundle = bundler(extra=[("native", {"native/lib.so": b"\x7fELF" + bytes(range(256)) * 40})]).path
    with BundleFile(bundle) as file:
        entry = file._zip.getinfo(member)
        place = entry.header_offset + 30 + len(member) + entry.compress_size // 2
    data = bytearray(bundle.read_bytes())
    data[place] ^= 0xFF
    bundle.write_bytes(data)
    with pytest.raises(BundleFileError, match=r"damaged|altered"):
        unpacked(bundle)
    assert not (bundle.parent / "workspace/kit").exists()
    assert not (bundle.parent / "workspace/builds").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no zip at all"])
def test_what_is_no_bundle_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tlbundle"
    path.write_bytes(content)
    with pytest.raises(BundleFileError, match="no bundle") as caught:
        BundleFile(path)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"python": "3.11"}, "is cpython 3.11"),
        ({"free_threaded": True}, "without GIL"),
        ({"implementation": "pypy"}, "is pypy 3.12"),
        ({"machine": "aarch64"}, "this is linux on aarch64"),
        ({"system": "darwin"}, "this is darwin"),
        ({"glibc": "2.17"}, "need glibc 2.28; this machine has 2.17"),
        ({"glibc": ""}, "this machine has none"),
    ],
)
def test_another_python_or_platform_is_refused_with_the_remedy(change: dict[str, object], said: str) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        require_fit(replace(BOX, **change), NEEDS)  # type: ignore[arg-type]
    assert said in caught.value.message
    assert "python -m scaffold bundle --python" in str(caught.value.hint)


def test_the_python_and_platform_of_the_bundle_are_taken() -> None:
    require_fit(BOX, NEEDS)
    require_fit(replace(BOX, glibc=""), replace(NEEDS, glibc=None))


def test_a_box_without_pytorch_says_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(EnvironmentProblem) as caught:
        find_torch(BOX, None)
    assert "--torch /path/to/python" in str(caught.value.hint)


def test_pytorch_of_another_interpreter_of_the_same_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(BOX, executable="/opt/bin/python3", torch="/opt/site", torch_version="2.11", sites=("/opt/dist",))
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/bin/{name}" if name == "python3" else None)
    monkeypatch.setattr(box, "ask_interpreter", lambda _: other)
    assert find_torch(BOX, None).folders == ("/opt/site", "/opt/dist"), "PyTorch's folder first"
    monkeypatch.setattr(box, "ask_interpreter", lambda _: replace(other, python="3.11"))
    with pytest.raises(EnvironmentProblem, match=r"no PyTorch for Python 3\.12"):
        find_torch(BOX, None)


def test_torch_that_names_nothing_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no interpreter and no folder"):
        find_torch(BOX, str(tmp_path))


def test_ask_interpreter_finds_this_one_and_no_other(tmp_path: Path) -> None:
    facts = ask_interpreter(sys.executable)
    assert (facts.python, facts.implementation) == (f"3.{sys.version_info.minor}", "cpython")
    with pytest.raises(EnvironmentProblem, match="does not run"):
        ask_interpreter(str(tmp_path / "python"))


def test_a_full_disk_is_seen_before_unpacking(bundler: Bundler, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundler().path
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(OutputFolderError, match="MiB free; unpacking takes"):
        unpacked(bundle)


def test_a_workspace_that_cannot_be_made_says_so(bundler: Bundler) -> None:
    bundle = bundler().path
    (bundle.parent / "workspace").write_text("a file")
    with pytest.raises(OutputFolderError, match="cannot write") as caught:
        unpacked(bundle)
    assert "--workspace" in str(caught.value.hint)


def test_pip_is_kept_from_any_index_and_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    variables = offline_environment({})
    assert {"HTTPS_PROXY", "PIP_INDEX_URL", "PYTHONPATH"} & variables.keys() == set()
    assert variables["PIP_NO_INDEX"] == "1"


def test_a_bundle_runs_itself_with_the_standard_library_alone(bundle: Path) -> None:
    for option, expected in (("--help", "Uses no network"), ("--list", "tilelang 0.1.15")):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(bundle), option], capture_output=True, text=True, cwd=bundle.parent
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert expected in done.stdout
    torch = fake_torch(bundle.parent / "torch")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(bundle), "--torch", str(torch)],
        capture_output=True,
        text=True,
        cwd=bundle.parent,
    )
    assert done.returncode == 0, done.stderr
    assert "next: workspace/env/bin/python -m scaffold tir-diff gemm" in done.stdout
    assert "no network was used" in done.stdout


def test_an_environment_does_not_replace_itself(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(bundle.parent / "workspace/env"))
    with pytest.raises(EnvironmentProblem, match="runs this very command"):
        unpacked(bundle)


def test_a_python_of_the_right_version_on_path_is_taken_if_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    this, other = replace(BOX, python="3.11"), replace(BOX, executable="/opt/bin/python3.12")
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/bin/{name}")
    monkeypatch.setattr(box, "ask_interpreter", lambda path: other if path == other.executable else this)
    assert choose_interpreter(NEEDS, None) == other

    def shim(path: str) -> Interpreter:
        if path == other.executable:
            raise EnvironmentProblem("does not run")
        return this

    monkeypatch.setattr(box, "ask_interpreter", shim)
    with pytest.raises(EnvironmentProblem, match=r"is cpython 3\.11"):
        choose_interpreter(NEEDS, None)
