"""What each part of a quick build from source brings: sampled sources of TileLang, compiled one way and another.

::

    python benchmarks/from_source.py --source sdist:0.1.14 --sample 12

Every sampled source is compiled under every variant, in turn, one compiler at a time and without a compiler cache; a
variant's figure is its CPU seconds over those of upstream's own settings for the same sources, in the same run.
Groups are of neighbours in upstream's order. What does not compile together is left out of all variants.
The figure of a whole build, with its steps, is in the build's own attestation: ``builds show NAME``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.native.common_headers import common_headers
from scaffold.builds.native.groups import LARGEST
from scaffold.builds.native.stand_in import write_stand_in
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress


@dataclass(frozen=True)
class Variant:
    """One way to compile."""

    name: str
    flags: str = "-O3"
    lean: bool = False
    precompiled: bool = False
    group: int = 1


VARIANTS = (
    Variant("upstream's own (-O3)"),
    Variant("precompiled headers", precompiled=True),
    Variant("lean headers", lean=True),
    Variant("lean and precompiled", lean=True, precompiled=True),
    Variant("lean and precompiled, -O2", "-O2", lean=True, precompiled=True),
    Variant("lean and precompiled, -O1 (worktree)", "-O1", lean=True, precompiled=True),
    Variant("lean and precompiled, -O0", "-O0", lean=True, precompiled=True),
    Variant(f"the same at -O1 in groups of {LARGEST} (sdist, git)", "-O1", lean=True, precompiled=True, group=LARGEST),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="sdist:0.1.14", help="a build from source of the workspace")
    parser.add_argument("--sample", type=int, default=2, help=f"so many groups of {LARGEST} neighbours")
    parser.add_argument("--workspace")
    arguments = parser.parse_args()
    workspace = Workspace.at(arguments.workspace)
    store = BuildStore(workspace, Progress())
    store.get(arguments.source)
    bench = Bench(store.folder(arguments.source) / "source", workspace)
    groups = bench.groups(arguments.sample)
    count = sum(map(len, groups))
    totals = {variant: [0.0, 0.0] for variant in VARIANTS}
    with tempfile.TemporaryDirectory() as folder:
        for variant in VARIANTS:
            bench.precompile(variant, Path(folder) / str(VARIANTS.index(variant)))
        for group in groups:
            for variant in VARIANTS:
                cpu, memory = bench.compile(group, variant, Path(folder) / str(VARIANTS.index(variant)))
                totals[variant][0] += cpu
                totals[variant][1] = max(totals[variant][1], memory)
                print(f"{variant.name}: {cpu:.1f} s", file=sys.stderr)
    base = totals[VARIANTS[0]][0]
    print(f"{count} sources of {arguments.source}, CPU seconds of the compiler, one at a time\n")
    print(f"{'variant':52}{'seconds':>9}{'of upstream':>13}{'peak GiB':>10}")
    for variant, (cpu, memory) in totals.items():
        print(f"{variant.name:52}{cpu:9.1f}{cpu / base:13.2f}{memory:10.2f}")
    return 0


class Bench:
    """The commands of one configured source."""

    def __init__(self, source: Path, workspace: Workspace) -> None:
        tvm = (source / "3rdparty" / "tvm").resolve()
        self.source = source
        self.full = write_stand_in(tvm, workspace.thirdparty, lean=False)
        self.lean = write_stand_in(tvm, workspace.thirdparty, lean=True)
        self.headers = common_headers(sorted((source / "src").rglob("*.cc")))
        commands = json.loads((source / "build" / "compile_commands.json").read_text(encoding="utf-8"))
        sample = next(item for item in commands if "tilelang_objs.dir" in item["output"])
        self.directory = Path(sample["directory"])
        words = shlex.split(sample["command"])
        words = words[next(index for index, word in enumerate(words) if Path(word).name in ("c++", "g++", "clang++")) :]
        self.compiler, kept = (
            words[0],
            [word for word in words[1:] if word.startswith(("-I", "-D", "-f", "-std", "-W"))],
        )
        self.flags = [word for word in kept if not word.startswith("-Winvalid")]
        self.scratch = iter(range(1_000_000))

    def groups(self, wanted: int) -> list[list[Path]]:
        """Groups of neighbours that are compiled as one, spread over all there are."""
        found = []
        for unity in sorted((self.source / "build").glob("CMakeFiles/tilelang_objs.dir/Unity/unity_group*_cxx.cxx")):
            found.append([Path(name) for name in re.findall(r'#include "([^"]+)"', unity.read_text(encoding="utf-8"))])
        step = max(1, len(found) // wanted)
        return found[::step][:wanted]

    def precompile(self, variant: Variant, folder: Path) -> None:
        folder.mkdir()
        if variant.precompiled:
            header = folder / "common.hxx"
            header.write_text("".join(f"#include {name}\n" for name in self.headers), encoding="utf-8")
            self._run(variant, ["-x", "c++-header", "-c", str(header), "-o", f"{header}.gch"])

    def compile(self, group: list[Path], variant: Variant, folder: Path) -> tuple[float, float]:
        """CPU seconds for all of ``group``, and the largest compiler's memory in GiB."""
        inputs = group
        if variant.group > 1:
            unity = folder / f"unity{next(self.scratch)}.cc"
            unity.write_text("".join(f'#include "{path}"\n' for path in group), encoding="utf-8")
            inputs = [unity]
        header = ["-include", str(folder / "common.hxx")] if variant.precompiled else []
        measured = [self._run(variant, [*header, "-c", str(path), "-o", str(folder / "out.o")]) for path in inputs]
        return sum(cpu for cpu, _ in measured), max(memory for _, memory in measured)

    def _run(self, variant: Variant, arguments: list[str]) -> tuple[float, float]:
        mine, other = (self.lean, self.full) if variant.lean else (self.full, self.lean)
        flags = [word.replace(str(other), str(mine)) for word in self.flags]
        command = [self.compiler, variant.flags, "-DNDEBUG", *flags, *arguments]
        process = subprocess.Popen(command, cwd=self.directory, stderr=subprocess.PIPE, text=True)
        error = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise SystemExit(f"{shlex.join(command)}\n{error}")
        return usage.ru_utime + usage.ru_stime, _gib(usage)


def _gib(usage: resource.struct_rusage) -> float:
    """``ru_maxrss`` is in KiB on Linux and in bytes on macOS."""
    return usage.ru_maxrss / (1024**3 if sys.platform == "darwin" else 1024**2)


if __name__ == "__main__":
    sys.exit(main())
