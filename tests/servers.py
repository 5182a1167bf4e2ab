"""A build with a TileLang that is none, for the real servers; and the processes that they start."""

from __future__ import annotations

import contextlib
import json
import sys
import textwrap
import time
from pathlib import Path

from scaffold.builds.process import Finished
from scaffold.builds.serving import ProbeServer

#: A package that brings a job with it: one that runs the code it is asked to.
TILELANG = """
import sys, types
job = types.ModuleType("scaffold.probe.task")
def run(document):
    exec(document["code"], {})
    return 0
job.run = run
sys.modules["scaffold.probe.task"] = job
"""

#: Waits where a probe would lower, and says who it is.
HANG = "import os, time; open({pid!r}, 'w').write(str(os.getpid())); time.sleep(60)"


def interpreter(folder: Path, tilelang: str = TILELANG) -> str:
    """A Python that has ``tilelang``."""
    for name, text in (("tilelang", tilelang), ("tvm", "")):
        (folder / "site" / name).mkdir(parents=True, exist_ok=True)
        (folder / "site" / name / "__init__.py").write_text(text)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder / "site"} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(python)


def ask(server: ProbeServer, folder: Path, code: str, *, timeout_s: float = 30, memory: int | None = None) -> Finished:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text(json.dumps({"code": textwrap.dedent(code)}))
    return server.run("task", folder, timeout_s=timeout_s, memory_bytes=memory)


def is_gone(pid: int) -> bool:
    """Whether the process ends within seconds; one that nobody has waited for yet is as good as gone."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def pid_in(path: Path) -> int:
    for _ in range(200):
        with contextlib.suppress(OSError, ValueError):
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError(f"nobody wrote {path}")
