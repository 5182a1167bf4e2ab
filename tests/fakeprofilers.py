"""Profilers without a GPU: programs that say and write what real ones do, told by a file beside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.corpus.gpus import GpuSlot
from scaffold.probe.protocol import KernelRequest

#: What the real ones print; of Nsight Compute 2025.3.
VERSIONS = {
    "ncu": (
        "NVIDIA (R) Nsight Compute Command Line Profiler\nCopyright (c) 2018-2025 NVIDIA Corporation\n"
        "Version 2025.3.1.0 (build 36398880) (public-release)\n"
    ),
    "nsys": "NVIDIA Nsight Systems version 2025.3.2.474-253236389321v0\n",
    "rocprofv3": "             version: 1.0.0\n        git_revision: a1b2c3d4e5f6\n        rocm_version: 7.0.0\n",
}

_PROGRAM = """#!{python}
import json, pathlib, shutil, sys
here = pathlib.Path(__file__)
if "--version" in sys.argv:
    print({version!r}, end="")
    raise SystemExit(0)
told = json.loads((here.parent / "told.json").read_text())[here.name]
calls = here.parent / "calls.jsonl"
with calls.open("a") as file:
    file.write(json.dumps(sys.argv) + "\\n")
if sys.argv[1] == "stats":
    print(told.get("stats", ""))
    raise SystemExit(told.get("stats_exit", 0))
request = json.loads(pathlib.Path(sys.argv[-1]).read_text())
with open(request["spool"], "w") as spool:
    for line in told["spool"]:
        spool.write(json.dumps(line) + "\\n")
print(told["log"])
for option in ("--export", "--output-directory"):
    if option in sys.argv and told["report"]:
        place = pathlib.Path(sys.argv[sys.argv.index(option) + 1])
        if option == "--export":
            place.write_text("report")
        elif told["folders"]:
            shutil.copytree(told["folders"].pop(0), place)
for word in sys.argv:
    if word.startswith("--output=") and told["report"]:
        pathlib.Path(word.partition("=")[2]).write_text("report")
document = json.loads((here.parent / "told.json").read_text())
document[here.name] = told
(here.parent / "told.json").write_text(json.dumps(document))
raise SystemExit(told["exit"])
"""

#: What a program that ran leaves: nothing went wrong.
FINE: tuple[dict[str, Any], ...] = (
    {"hello": {}},
    {"text": {"digest": "s", "body": "a();\ngemm();\n"}},
    {"source": {"digest": "s", "include_dirs": []}},
    {"text": {"digest": "m", "body": 'a();\n#line 3 "/nowhere/gemm.py"\ngemm();\n'}},
    {"run": {"device": "NVIDIA H100 80GB HBM3", "launches": 3, "marked": "m"}},
    {"end": {}},
)


def failed(error: str = "InternalError", message: str = "it does not fit", *, stage: str = "lowering") -> list[Any]:
    """What a program leaves whose kernel did not compile or launch."""
    failure = {
        "stage": stage,
        "pass_sequence": None,
        "pass_name": None,
        "error": error,
        "message": message,
        "traceback": "",
        "where": None,
        "users_fault": False,
    }
    return [{"hello": {}}, {"failure": failure}, {"end": {}}]


@dataclass
class FakeProfilers:
    """A folder of profilers, and what each will do next."""

    folder: Path
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(
        self,
        name: str,
        *,
        log: str = "==PROF== Disconnected from process 4711",
        exit_code: int = 0,
        spool: Sequence[Any] = FINE,
        report: bool = True,
        stats: str = "",
        stats_exit: int = 0,
        folders: Sequence[Path | str] = (),
    ) -> Path:
        """Have a program of that name do this from now on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program = self.folder / name
        program.write_text(_PROGRAM.format(python=sys.executable, version=VERSIONS[name]), encoding="utf-8")
        program.chmod(0o755)
        self.told[name] = {
            "log": log,
            "exit": exit_code,
            "spool": list(spool),
            "report": report,
            "stats": stats,
            "stats_exit": stats_exit,
            "folders": [str(folder) for folder in folders],
        }
        (self.folder / "told.json").write_text(json.dumps(self.told), encoding="utf-8")
        return program

    def calls(self) -> list[list[str]]:
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def gpu(backend: str = "cuda", identity: str = "GPU-fake") -> GpuSlot:
    name = "NVIDIA H100 80GB HBM3" if backend == "cuda" else "AMD gfx942"
    return GpuSlot(0, identity, identity, name, backend, "sm_90a" if backend == "cuda" else "gfx942")


def request(name: str = "gemm", target: str = "cuda:sm_90a") -> KernelRequest:
    options = {"kind": target.partition(":")[0]}
    return KernelRequest(name, f"zoo:{name}", None, "build", {}, target, options)
