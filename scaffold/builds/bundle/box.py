"""The machine a bundle is unpacked on: its interpreter, where its PyTorch is. Standard library only."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.bundle.manifest import Requirements
from scaffold.errors import EnvironmentProblem, UsageError

_TIMEOUT_S = 60.0

#: Asks an interpreter about itself. PyTorch is looked for, not imported: that takes seconds, and comes later.
_QUESTION = """
import importlib.util, json, os, platform, sys, sysconfig
try:
    glibc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (AttributeError, ValueError, OSError):
    glibc = ""
torch = importlib.util.find_spec("torch")
torch = os.path.dirname(os.path.dirname(torch.origin)) if torch and torch.origin else ""
version = ""
if torch:
    from importlib.metadata import PackageNotFoundError, version as version_of
    try:
        version = version_of("torch")
    except PackageNotFoundError:
        version = "of unknown version"
sites = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
print("facts:" + json.dumps({
    "executable": sys.executable,
    "base": getattr(sys, "_base_executable", None) or sys.executable,
    "python": "%d.%d" % sys.version_info[:2],
    "implementation": sys.implementation.name,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "system": sys.platform,
    "machine": platform.machine(),
    "glibc": glibc.rpartition(" ")[2] if glibc.startswith("glibc") else "",
    "torch": torch,
    "torch_version": version,
    "sites": sites,
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """What an interpreter says of itself.

    ``base`` is the interpreter its virtual environment was made with, or itself. ``torch`` is the folder PyTorch lies
    in, empty without one.
    """

    executable: str
    base: str
    python: str
    implementation: str
    free_threaded: bool
    system: str
    machine: str
    glibc: str
    torch: str
    torch_version: str
    sites: tuple[str, ...]


@dataclass(frozen=True)
class Torch:
    """A PyTorch to import: its version, whose it is, and the folders that hold it and what it needs."""

    version: str
    where: str
    folders: tuple[str, ...]


def ask_interpreter(path: str) -> Interpreter:
    """What the interpreter at ``path`` is.

    Raises
    ------
    EnvironmentProblem
        If it does not run.
    """
    answer = ask([path, "-c", _QUESTION], timeout_s=_TIMEOUT_S, cwd=Path("/"))
    _, found, facts = answer.stdout.rpartition("facts:")
    if not answer.ok or not found:
        raise EnvironmentProblem(f"{path} does not run: {answer.why_not}", hint="name another one with --python PATH")
    document = json.loads(facts)
    return Interpreter(**{**document, "sites": tuple(document["sites"])})


def choose_interpreter(needs: Requirements, asked: str | None) -> Interpreter:
    """The interpreter asked for, or this one, or one of the right version on PATH.

    Raises
    ------
    EnvironmentProblem
        If it is not one the bundle was made for.
    """
    if asked:
        chosen = ask_interpreter(shutil.which(asked) or asked)
        require_fit(chosen, needs)
        return chosen
    this = ask_interpreter(sys.executable)
    other = shutil.which(f"python{needs.python}") if this.python != needs.python else None
    if other:
        # A name on PATH may be a shim of a version manager for a version that is not chosen here.
        with contextlib.suppress(EnvironmentProblem):
            this = ask_interpreter(other)
    require_fit(this, needs)
    return this


def require_fit(interpreter: Interpreter, needs: Requirements) -> None:
    """Check version, platform and C library.

    Raises
    ------
    EnvironmentProblem
        If wheels of the bundle would not run there.
    """
    again = f"make one that fits: python -m scaffold bundle --python {interpreter.python}"
    if (interpreter.implementation, interpreter.python) != ("cpython", needs.python) or interpreter.free_threaded:
        found = f"{interpreter.implementation} {interpreter.python}{' without GIL' * interpreter.free_threaded}"
        raise EnvironmentProblem(
            f"the bundle is for cpython {needs.python}; {interpreter.executable} is {found}",
            hint=f"name a Python {needs.python} with --python PATH, or {again}",
        )
    if (interpreter.system, interpreter.machine) != (needs.system, needs.machine):
        raise EnvironmentProblem(
            f"the bundle is for {needs.system} on {needs.machine}; "
            f"this is {interpreter.system} on {interpreter.machine}",
            hint=f"{again} --platform PLATFORM",
        )
    if needs.glibc and _numbers(interpreter.glibc) < _numbers(needs.glibc):
        raise EnvironmentProblem(
            f"the bundle's wheels need glibc {needs.glibc}; this machine has {interpreter.glibc or 'none'}",
            hint=f"{again} --platform manylinux_{(interpreter.glibc or '2.17').replace('.', '_')}_{needs.machine}",
        )


def find_torch(interpreter: Interpreter, asked: str | None) -> Torch:
    """The PyTorch to share: ``asked`` (an interpreter, or a folder that holds it), or the one of this machine.

    Raises
    ------
    UsageError
        If ``asked`` is neither.
    EnvironmentProblem
        If there is none for this Python.
    """
    if asked and asked not in ("reuse", "auto"):
        return _named_torch(interpreter, asked)
    for candidate in _candidates(interpreter):
        if candidate.torch and candidate.python == interpreter.python:
            return _torch_of(candidate)
    raise EnvironmentProblem(
        f"no PyTorch for Python {interpreter.python} on this machine, and none in the bundle",
        hint="name an interpreter that has it with --torch /path/to/python, or bundle it with --with-torch SPEC",
    )


def _candidates(interpreter: Interpreter) -> Iterator[Interpreter]:
    """The chosen interpreter, the one below its virtual environment, then others on PATH."""
    yield interpreter
    for name in (interpreter.base, f"python{interpreter.python}", "python3", "python"):
        path = shutil.which(name)
        if path and path != interpreter.executable:
            try:
                yield ask_interpreter(path)
            except EnvironmentProblem:
                continue


def _named_torch(interpreter: Interpreter, asked: str) -> Torch:
    path = Path(asked).expanduser()
    if (path / "torch" / "__init__.py").is_file():
        noted = sorted(path.glob("torch-*.dist-info"))
        version = noted[-1].name.split("-")[1].removesuffix(".dist") if noted else "of unknown version"
        return Torch(version, str(path), (str(path.resolve()),))
    if not path.is_file() and shutil.which(asked) is None:
        raise UsageError(
            f"--torch {asked} is no interpreter and no folder that holds torch/",
            hint="with a bundle, say --torch /path/to/python or --torch /path/to/site-packages",
        )
    other = ask_interpreter(str(path) if path.is_file() else asked)
    if not other.torch:
        raise EnvironmentProblem(f"{asked} has no PyTorch", hint="name an interpreter that has it")
    if other.python != interpreter.python:
        raise EnvironmentProblem(
            f"{asked} is Python {other.python}; the bundle is for {interpreter.python}",
            hint=f"name a Python {interpreter.python} that has PyTorch",
        )
    return _torch_of(other)


def _torch_of(interpreter: Interpreter) -> Torch:
    """Its folder first, then the others it imports from: PyTorch's own dependencies may lie there."""
    folders = dict.fromkeys((interpreter.torch, *interpreter.sites))
    return Torch(interpreter.torch_version, interpreter.executable, tuple(folders))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
