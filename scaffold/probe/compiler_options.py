"""Ask a build how it calls nvcc, without nvcc being run."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Where releases keep the function that compiles generated source: 0.1.14 and later, and before.
_MODULES = ("tilelang.cuda.backend", "tilelang.engine.lower")
_FUNCTION = "tilelang_callback_cuda_compile"

#: Options that say what comes out, what is told, or where files lie, but not what is compiled.
_NO_MATTER = ("--cubin", "--ptx", "--fatbin", "-lineinfo", "-w", "--ptxas-options=--verbose")
_OF_THE_MACHINE = ("-I", "-ccbin")

_numbers = itertools.count()


class _Asking:
    """``subprocess`` in the place of nvcc's caller: a command that compiles a file is taken down instead of run."""

    def __init__(self) -> None:
        self.command: list[str] = []

    def __getattr__(self, name: str) -> Any:
        value = getattr(subprocess, name)
        return self._taking_down(value) if name in ("Popen", "run", "check_output") else value

    def _taking_down(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def started(command: Any, *args: Any, **options: Any) -> Any:
            if isinstance(command, (list, tuple)) and any(str(word).endswith(".cu") for word in command):
                self.command = [str(word) for word in command]
                raise RuntimeError("nvcc is not run")
            return original(command, *args, **options)

        return started


def compiler_options(source: str, target: Any, configs: Mapping[str, Any]) -> list[str]:
    """The options with which this build compiles ``source``, in order; none where it cannot be asked.

    ``tilelang_callback_cuda_compile`` is called as the code generator calls it, and stopped where it would start nvcc.
    """
    nvcc: Any = sys.modules.get("tilelang.contrib.nvcc")
    function = next(filter(None, (getattr(sys.modules.get(name), _FUNCTION, None) for name in _MODULES)), None)
    if nvcc is None or function is None or not hasattr(nvcc, "subprocess"):
        return []
    # The build keeps what it has compiled: a source that nobody has seen is compiled anew.
    unseen = f"{source}\n// {id(nvcc)} {next(_numbers)}\n"
    nvcc.subprocess = asking = _Asking()
    # It raises in any case: where nvcc would start, or in a way of its own without a CUDA toolkit.
    with contextlib.suppress(Exception):
        function(unseen, target, *([dict(configs)] if _takes_configs(function) else []))
    nvcc.subprocess = subprocess
    return _of_the_source(asking.command)


def _takes_configs(function: Any) -> bool:
    """Whether pass configs are its third argument; what TVM wraps does not say, and does."""
    try:
        return len(inspect.signature(function).parameters) > 2
    except (TypeError, ValueError):
        return True


def _of_the_source(command: Sequence[str]) -> list[str]:
    """The options of a command that decide what becomes of a source anywhere."""
    kept: list[str] = []
    words = iter(command[1:])
    for word in words:
        if word in ("-o", "-I", "-ccbin"):
            next(words, None)
        elif word not in _NO_MATTER and not word.startswith(_OF_THE_MACHINE) and not word.endswith(".cu"):
            kept.append(word)
    return kept
