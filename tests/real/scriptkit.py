"""Run the text of a script on stand-ins in a real TileLang: ``run``, and what is asserted of it. A pytest plugin."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scaffold.builds.build import Build
from scaffold.builds.probing import own_folder
from scaffold.builds.script import Script, ScriptRun, run_script
from scaffold.builds.serving import ProbeServer
from scaffold.builds.workspace import Workspace
from scaffold.corpus.examples.lending import lend_to_scripts
from scaffold.kernels.target import parse_target
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)

#: ``run(source, target="cuda:sm_80", argv=("--n", "3"))``
Run = Callable[..., ScriptRun]

#: What most scripts below have beside them.
KERNELS = """
import tilelang
import tilelang.language as T

@tilelang.jit(out_idx=[-1])
def add(N, block=128, dtype="float32"):
    @T.prim_func
    def main(A: T.Tensor((N,), dtype), B: T.Tensor((N,), dtype), C: T.Tensor((N,), dtype)):
        with T.Kernel(T.ceildiv(N, block), threads=128) as bx:
            for i in T.Parallel(block):
                C[bx * block + i] = A[bx * block + i] + B[bx * block + i]
    return main

def copy(N, dtype="float16"):
    @T.prim_func
    def plain(A: T.Tensor((N,), dtype), B: T.Tensor((N,), dtype)):
        with T.Kernel(T.ceildiv(N, 128), threads=128) as bx:
            for i in T.Parallel(128):
                B[bx * 128 + i] = A[bx * 128 + i]
    return plain
"""


def runner(build: Build, server: ProbeServer, workspace: Workspace, folder: Path) -> Run:
    def run(
        source: str,
        *,
        target: str = "cuda:sm_90a",
        argv: tuple[str, ...] = (),
        timeout_s: float = 60,
        name: str = "script.py",
        **more: Any,
    ) -> ScriptRun:
        (folder / "kernels.py").write_text(KERNELS)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        packages = tuple(map(Path, lend_to_scripts(workspace.cache, path)))
        script = Script(path, name, (folder,), argv, target, parse_target(target), packages=packages, **more)
        return run_script(
            script, build, workspace=workspace, progress=QUIET, argv=("test",), timeout_s=timeout_s, server=server
        )

    return run


@pytest.fixture(scope="module")
def server(newest: Build, workspace: Workspace) -> Iterator[ProbeServer]:
    with ProbeServer(newest, own_folder(workspace), QUIET) as made:
        yield made


@pytest.fixture
def run(newest: Build, server: ProbeServer, workspace: Workspace, tmp_path: Path) -> Run:
    return runner(newest, server, workspace, tmp_path)


def names_of(run: ScriptRun) -> list[str]:
    """The kernels that lowered to the end, by name."""
    for captured in run.kernels:
        trace = captured.file.trace
        assert trace.failure is None, trace.failure
        assert len(trace.passes) > 30
        source = trace.artifact("source")
        assert source is not None
        assert source.digest is not None
    return [captured.file.trace.kernel.name.partition(".")[2] for captured in run.kernels]
