"""Which TileLang a build is, in one word."""

from __future__ import annotations

from functools import cache

from scaffold.builds.asking import ask
from scaffold.builds.attestation import read_attestation
from scaffold.builds.build import Build
from scaffold.builds.names import parse_name
from scaffold.builds.workspace import Workspace

_ASK = "import importlib.metadata as m; print(m.version('tilelang'))"
_TIMEOUT_S = 20.0
UNKNOWN = "of unknown version"


def tilelang_version(build: Build, workspace: Workspace) -> str:
    """As attested, else as the build is called, else as its interpreter says: of one the user has, that is no name."""
    attestation = read_attestation(workspace, build.name)
    if attestation is not None:
        return attestation.tilelang_version
    name = parse_name(build.name)
    return _asked(build.python) if name.kind in ("python", "path") else name.rest


@cache
def _asked(python: str) -> str:
    answer = ask([python, "-I", "-c", _ASK], timeout_s=_TIMEOUT_S)
    lines = answer.stdout.split()
    return lines[-1] if answer.ok and lines else UNKNOWN
