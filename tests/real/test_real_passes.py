"""The index of passes of the newest release, against what its lowerings show."""

from __future__ import annotations

import pytest
from realkit import OFFLINE, Capture

from scaffold.builds.build import Build
from scaffold.builds.names import parse_name
from scaffold.builds.passes.index import PassEntry, PassIndex
from scaffold.builds.passes.origin import find_origin
from scaffold.builds.passes.store import PassIndexes
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)
#: Run by code generation, in C++: no line of Python makes it.
BY_CODEGEN = {"tirx.PointerValueTypeRewrite"}


@pytest.fixture
def index(newest: Build, workspace: Workspace) -> PassIndex:
    found = PassIndexes(workspace, QUIET).get(newest.name)
    assert found is not None
    return found


@pytest.fixture
def texts_of_files(newest: Build, workspace: Workspace) -> dict[str, list[str]]:
    origin = find_origin(parse_name(newest.name), workspace, QUIET)
    assert origin is not None
    files = [*origin.layout.cpp(), *origin.layout.python()]
    return {file.path: file.read().splitlines() for file in files}


def holds(entry: PassEntry, texts: dict[str, list[str]]) -> bool:
    """Whether the line of ``entry`` begins what makes the pass: with its name in quotes before the next function."""
    assert entry.source
    lines = texts[entry.source.path][entry.source.line - 1 :]
    if entry.kind == "python":
        return lines[0].startswith((f"def {entry.constructor}(", f"{entry.constructor} = "))
    body = lines[: lines.index("}")]
    return "(" in lines[0] and f'"{entry.name}"' in "\n".join(body)


@pytest.mark.parametrize(
    ("kernel", "target"), [("gemm", "cuda:sm_90a"), ("gemm", "hip:gfx942"), ("gemm", "metal"), ("cpu_gemm", "c")]
)
def test_every_pass_that_ran_leads_to_the_line_that_defines_it(
    kernel: str, target: str, record: Capture, index: PassIndex, texts_of_files: dict[str, list[str]]
) -> None:
    records = record(kernel, target).trace.passes
    assert len(records) > 40
    entries = {item.shown_name: index.find(item.shown_name) for item in records}
    assert [name for name, found in entries.items() if not found] == []
    assert [name for name, found in entries.items() if not holds(found[0], texts_of_files)] == []
    # The interpreter saw which line ran a pass; the index must have read the same. Passes inside others are run by C++.
    unread = {
        item.shown_name
        for item in records
        if item.depth == 0
        and not any(item.caller == str(call) for entry in entries[item.shown_name] for call in entry.callers)
    }
    assert unread <= BY_CODEGEN


def test_a_pass_has_its_wrapper_its_pipelines_and_a_link(index: PassIndex) -> None:
    (entry,) = index.find("LowerTileOp")
    assert entry.source
    assert entry.source.path == "src/transform/lower_tile_op.cc"
    assert entry.wrapper
    assert entry.wrapper.path.startswith("tilelang/")
    assert {call.backend for call in entry.callers} >= {"cuda", "rocm", "metal", "cpu"}
    assert index.code.link(entry.source.path, 1).startswith("https://github.com/tile-ai/tilelang/blob/v")


@pytest.mark.skipif(OFFLINE, reason="the tests of a release are downloaded")
def test_tests_of_the_release_are_found(newest: Build, workspace: Workspace) -> None:
    found = PassIndexes(workspace, QUIET).get(newest.name, fetch=True)
    assert found
    assert found.texts
    tested = [entry for entry in found.passes if any(mention.calls for mention in entry.tests)]
    assert len(tested) > 20
    assert any(mention.path.endswith("lower_tile_op.py") for mention in found.find("LowerTileOp")[0].tests)
