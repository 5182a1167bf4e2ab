"""What an interpreter would import: asked of it in a process of its own, since its TileLang may not be ours.

A question is a script that uses the standard library only, and ends with one line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.builds.asking import ask
from scaffold.builds.doctor.look import CouldNotLook
from scaffold.builds.machine import candidates

#: Seconds an interpreter has to import PyTorch or TileLang; from a cold network disk it takes that long.
IMPORT_SECONDS = 25.0
_MARK = "scaffold-answer:"

_SURVEY = """
import glob, importlib.metadata as metadata, importlib.util as util, json, os, site, sys, sysconfig
names = ("tilelang", "torch", "apache-tvm-ffi", "z3-solver")
here = os.getcwd()
sys.path[:] = [entry for entry in sys.path if entry and os.path.abspath(entry) != here]
packages = {}
for name in names:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        continue
    url = json.loads(found.read_text("direct_url.json") or "{}")
    editable = url.get("url", "") if url.get("dir_info", {}).get("editable") else ""
    packages[name] = {"version": found.version, "requires": found.requires or [], "editable": editable}
def origin(name):
    try:
        spec = util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    return (spec.origin or "") if spec else ""
folders = [entry for entry in sys.path if os.path.isfile(os.path.join(entry, "tilelang", "__init__.py"))]
pth = {}
for folder in site.getsitepackages() + [site.getusersitepackages()]:
    if not os.path.isdir(folder):
        continue
    for name in sorted(os.listdir(folder)):
        if name.endswith(".pth"):
            with open(os.path.join(folder, name), errors="replace") as file:
                pth[os.path.join(folder, name)] = [line.strip() for line in file if line.strip()]
root = os.path.dirname(origin("tilelang"))
built = bool(glob.glob(os.path.join(root, "lib", "libtilelang*"))
             or glob.glob(os.path.join(root, os.pardir, "build", "lib", "libtilelang*")))
answer = {
    "version": "%d.%d.%d" % sys.version_info[:3],
    "packages": packages,
    "tilelang": origin("tilelang"),
    "torch": origin("torch"),
    "folders": folders,
    "user_site": site.getusersitepackages() if site.ENABLE_USER_SITE else "",
    "pth": pth,
    "purelib": sysconfig.get_path("purelib"),
    "built": built,
}
"""

_TORCH = """
import json, torch
answer = {
    "version": torch.__version__,
    "cuda": torch.version.cuda or "",
    "hip": getattr(torch.version, "hip", None) or "",
    "sees_gpu": bool(torch.cuda.is_available()),
}
"""

_LOADED = """
import json, os, sys
sys.path[:] = [entry for entry in sys.path if entry]
import tilelang, torch
def libraries():
    try:
        with open("/proc/self/maps") as maps:
            return sorted({line.split(maxsplit=5)[5].strip() for line in maps if line.count("/")})
    except OSError:
        import ctypes
        dyld = ctypes.CDLL(None)
        dyld._dyld_get_image_name.restype = ctypes.c_char_p
        return sorted({dyld._dyld_get_image_name(i).decode() for i in range(dyld._dyld_image_count())})
wanted = ("libtilelang", "libtvm")
answer = {
    "version": tilelang.__version__,
    "package": os.path.dirname(tilelang.__file__),
    "libraries": [path for path in libraries() if os.path.basename(path).startswith(wanted)],
    "torch": torch.__version__,
    "cuda": torch.version.cuda or "",
}
"""


@dataclass(frozen=True)
class Survey:
    """What an interpreter has, without importing any of it.

    ``packages``: name -> version, requires, editable; ``tilelang`` and ``torch``: the file an import would run;
    ``folders``: every entry of ``sys.path`` with a TileLang, first one wins; ``pth``: path files and their lines;
    ``built``: whether that TileLang has its library.
    """

    python: str
    version: str = ""
    packages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tilelang: str = ""
    torch: str = ""
    folders: tuple[str, ...] = ()
    user_site: str = ""
    pth: Mapping[str, list[str]] = field(default_factory=dict)
    purelib: str = ""
    built: bool = True

    def package_version(self, name: str) -> str:
        return str(self.packages.get(name, {}).get("version", ""))


@dataclass(frozen=True)
class Torch:
    """A PyTorch that imports: ``cuda`` and ``hip`` are the versions it was built for, empty for none."""

    version: str
    cuda: str
    hip: str
    sees_gpu: bool


@dataclass(frozen=True)
class Loaded:
    """A TileLang that imports: its package's folder, and the native libraries that are then in the process."""

    version: str
    package: str
    libraries: tuple[str, ...]
    torch: str
    cuda: str


def invoking_python() -> Path:
    """The user's own interpreter: what ``SCAFFOLD_PYTHON`` says, else ours; under nox, whose is the kit's, PATH's."""
    said = os.environ.get("SCAFFOLD_PYTHON")
    if said and Path(said).exists():
        return Path(said)
    if not os.environ.get("NOX_CURRENT_SESSION"):
        return Path(sys.executable)
    ours = Path(sys.prefix).resolve()
    for name in ("python", "python3"):
        for path in candidates(name):
            if not path.absolute().parent.resolve().is_relative_to(ours) and ask([path, "-c", ""]).ok:
                return path
    return Path(sys.executable)


def survey(python: str, env: Mapping[str, str] | None = None) -> Survey:
    """Ask ``python`` what it has; ``env`` as for :func:`scaffold.builds.asking.ask`."""
    fields = _answer(python, _SURVEY, env, seconds=8.0)
    return Survey(python=python, **{**fields, "folders": tuple(fields["folders"])})


def import_torch(python: str, env: Mapping[str, str] | None = None) -> Torch:
    """Import PyTorch in ``python``."""
    return Torch(**_answer(python, _TORCH, env, seconds=IMPORT_SECONDS))


def import_tilelang(python: str, env: Mapping[str, str] | None = None) -> Loaded:
    """Import TileLang in ``python``, and see which libraries that loads."""
    fields = _answer(python, _LOADED, env, seconds=IMPORT_SECONDS)
    return Loaded(**{**fields, "libraries": tuple(fields["libraries"])})


def _answer(python: str, script: str, env: Mapping[str, str] | None, *, seconds: float) -> dict[str, Any]:
    code = f"{script}\nprint('\\n{_MARK}' + json.dumps(answer))"
    said = ask([python, "-c", code], env=env, timeout_s=seconds)
    lines = [line for line in said.stdout.splitlines() if line.startswith(_MARK)]
    if not said.ok or not lines:
        raise CouldNotLook(said.why_not if not said.ok else "it says nothing")
    answer: dict[str, Any] = json.loads(lines[-1].removeprefix(_MARK))
    return answer
