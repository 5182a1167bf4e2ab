"""TileLang compiled here, from its source archive: the release's compiler again, and one edited file from another."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from realkit import Capture

from scaffold.builds.attestation import Attestation, read_attestation
from scaffold.builds.machine import cxx_compiler
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.diff.two_sides import compare

VERSION = "0.1.14"
SDIST = f"sdist:{VERSION}"
WHEEL = f"wheel:{VERSION}"

#: The pass that lays buffers out in shared memory, and where it takes its alignment in bytes.
EDITED = "src/transform/merge_shared_memory_allocations.cc"
ALIGNMENT = re.compile(r"(align_bytes_\{align_bytes)\}")

pytestmark = pytest.mark.skipif(cxx_compiler() is None, reason="no C++ compiler here")


@pytest.fixture(scope="module")
def attested(workspace: Workspace) -> Callable[[str], Attestation]:
    def read(name: str) -> Attestation:
        found = read_attestation(workspace, name)
        assert found is not None
        return found

    return read


def test_a_source_archive_compiles_to_the_compiler_of_the_release(
    store: BuildStore, record: Capture, attested: Callable[[str], Attestation]
) -> None:
    store.get(SDIST)
    made = attested(SDIST).made_with
    assert made["tvm"]["mode"] == "release"
    assert made["tvm"]["origin"] == WHEEL
    for target in ("cuda:sm_80", "cuda:sm_90a"):
        released, compiled = (record("gemm", target, build=name) for name in (WHEEL, SDIST))
        assert compare(released, compiled).identical
        libraries = [{item.name: item.sha256 for item in side.trace.build.libraries} for side in (released, compiled)]
        assert libraries[0]["libtvm_compiler.so"] == libraries[1]["libtvm_compiler.so"]
        assert libraries[0]["libtilelang.so"] != libraries[1]["libtilelang.so"]
        assert compiled.trace.build.attested["tree_sha256"] == attested(SDIST).made_of["tree_sha256"]


def test_a_build_from_source_that_is_there_is_taken_as_it_is(store: BuildStore) -> None:
    store.get(SDIST)
    log = store.folder(SDIST) / "compile.log"
    before = (log.stat().st_size, log.stat().st_mtime_ns)
    assert store.get(SDIST).name == SDIST
    assert (log.stat().st_size, log.stat().st_mtime_ns) == before


def test_one_edited_file_is_one_compiled_file_and_a_visible_change(
    store: BuildStore, record: Capture, attested: Callable[[str], Attestation], tmp_path: Path
) -> None:
    checkout = tmp_path / "tilelang"
    store.get(SDIST)
    source = store.folder(SDIST) / "source"
    shutil.copytree(source, checkout, symlinks=False, ignore=shutil.ignore_patterns("build", "__pycache__"))
    name = f"worktree:{checkout}"
    try:
        # Python alone compiles nothing.
        with (checkout / "tilelang/__init__.py").open("a", encoding="utf-8") as file:
            file.write("# edited\n")
        before = record("gemm", "cuda:sm_80", build=name)
        assert compare(record("gemm", "cuda:sm_80", build=SDIST), before).identical
        taken, log = attested(name), store.folder(name) / "compile.log"
        assert (taken.libraries_of, taken.made_with["compiled"]["steps"]) == (SDIST, 0)
        assert taken.libraries["libtilelang.so"] == attested(SDIST).libraries["libtilelang.so"]
        assert not log.exists()

        # The first edit of C++ compiles all of it.
        text = (checkout / EDITED).read_text(encoding="utf-8")
        assert ALIGNMENT.search(text)
        (checkout / EDITED).write_text(f"// edited\n{text}", encoding="utf-8")
        before = record("gemm", "cuda:sm_80", build=name)
        assert compare(record("gemm", "cuda:sm_80", build=SDIST), before).identical
        first, unedited = attested(name), _content(checkout)
        assert (first.libraries_of, first.made_with["compiled"]["steps"] > 100) == ("", True)
        compiled = log.stat().st_size

        (checkout / EDITED).write_text(ALIGNMENT.sub(r"\g<1> * 1024}", text), encoding="utf-8")
        after = record("gemm", "cuda:sm_80", build=name)

        steps = re.findall(r"^\[\d+/\d+\] (.*)$", log.read_bytes()[compiled:].decode(), re.MULTILINE)
        objects = [step for step in steps if "Building" in step]
        assert [step.rpartition("tilelang_objs.dir/")[2] for step in objects] == [f"{EDITED}.o"]
        assert [step for step in steps if "Linking" in step and "libtilelang" in step]
        result = compare(before, after)
        assert result.introduced is not None
        assert result.introduced.pass_name == "tl.MergeSharedMemoryAllocations"
        second = attested(name)
        assert second.made_of["tree_sha256"] != first.made_of["tree_sha256"]
        assert second.libraries["libtilelang.so"] != first.libraries["libtilelang.so"]
        changed = {path for path, content in _content(checkout).items() if unedited.get(path) != content}
        assert changed == {EDITED}
    finally:
        store.remove(name)


def _content(folder: Path) -> dict[str, bytes]:
    """Every file of a checkout that is TileLang's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "3rdparty" not in path.parts
    }
