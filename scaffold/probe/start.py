"""Start a probe inside a TileLang build: ``python start.py JOB REQUEST.json``.

Run by path, never with ``-m`` or PYTHONPATH: either would put the kit's folder, or the current one, on ``sys.path``,
and a TileLang checkout lying there would shadow the build under study.
The package ``scaffold`` is registered by its location instead.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import importlib.util
import json
import pathlib
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _register_package() -> None:
    root = pathlib.Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(
        "scaffold", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package at {root}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["scaffold"] = module
    spec.loader.exec_module(module)


def end_with_parent() -> None:
    """On Linux, let the kernel end us when the kit is killed: a hung kernel must not run on for ever."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(argv: list[str]) -> int:
    if argv[0] not in ("profiled", "resident"):
        # A profiler starts us from a thread of its own, and the kernel counts the end of that as a parent's death;
        # a resident process is there for the next command.
        end_with_parent()
    faulthandler.enable()
    here = pathlib.Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if entry and pathlib.Path(entry).resolve() != here]
    sys.dont_write_bytecode = True
    _register_package()
    job, request = argv
    module = importlib.import_module(f"scaffold.probe.{job}")
    document = json.loads(pathlib.Path(request).read_text(encoding="utf-8"))
    return int(module.run(document))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
