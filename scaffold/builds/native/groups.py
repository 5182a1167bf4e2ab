"""Sources compiled several at a time: how many, which cannot share a group, and how one finds out.

Two sources that define the same name in an anonymous namespace, or include a header without a guard, do not compile as
one; and one that never meant to see a header may not compile where it is precompiled for all. Such a source is found
by trying and then compiled alone, or as it is, in this build and in every later one. Those that are known are listed
in ``alone.txt`` and ``bare.txt``: an entry too many costs a few seconds, one too few a failed try.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from scaffold.builds.workspace import Workspace
from scaffold.files import write_atomically

#: Larger groups gain little more and take more memory (``benchmarks/from_source.py``).
LARGEST = 8

#: ``alone``: not in a group. ``bare``: not in one, and without precompiled headers.
Exceptional = Literal["alone", "bare"]
_ERROR = re.compile(r"^(?P<file>[^\s:][^:]*):\d+(?::\d+)?: (?:fatal )?error: ")
_FROM = re.compile(r"^(?:In file included|\s+) ?from (?P<file>[^\s:][^:]*):\d+")
#: What a name says that comes from a header which the source itself does not include.
_FOREIGN_NAME = re.compile(r"is ambiguous|redefinition of|redeclar|conflicting declaration")
_OBJECT = re.compile(r"^FAILED: .*/tilelang_objs\.dir/(?P<source>src/\S+)\.o(?:bj)?\s*$", re.MULTILINE)
_GROUP = re.compile(r"^FAILED: .*\bunity_group(?P<number>\d+)_cxx\.", re.MULTILINE)


def group_size(sources: int, jobs: int) -> int:
    """How many sources to compile as one, so that every job has several groups to take in turn."""
    return max(1, min(LARGEST, sources // (2 * jobs)))


def exceptions_file(kind: Exceptional, workspace: Workspace) -> Path:
    """The list CMake reads: what is known, and what this workspace found out."""
    path = workspace.cache / f"compiled-{kind}.txt"
    known = set(_lines(Path(__file__).parent / f"{kind}.txt"))
    if not path.exists() or not known <= set(_lines(path)):
        write_atomically(path, _text(known | set(_lines(path))))
    return path


def remember(kind: Exceptional, names: set[str], workspace: Workspace) -> None:
    path = exceptions_file(kind, workspace)
    write_atomically(path, _text(names | set(_lines(path))))


def forget(kind: Exceptional, names: set[str], workspace: Workspace) -> None:
    path = exceptions_file(kind, workspace)
    write_atomically(path, _text(set(_lines(path)) - names))


def find_bare(log: str, workspace: Workspace) -> set[str]:
    """The sources that ``log`` shows to fail on a name that may come from a precompiled header; none of those tried.

    One that was tried without precompiled headers and fails all the same is taken off the list: that was not why.
    """
    failed = {match["source"] for match in _OBJECT.finditer(log)}
    tried = failed & set(_lines(exceptions_file("bare", workspace)))
    if tried:
        forget("bare", tried, workspace)
        return set()
    return failed if _FOREIGN_NAME.search(log) else set()


def find_alone(log: str, source: Path, build: Path) -> set[str]:
    """The sources, relative to ``source``, that ``log`` shows not to compile in their groups; empty if that is not why.

    It is the file an error is in; where that is a header, the file which included it; where neither is a source of a
    group, every source of the group that failed.
    """
    if not (failed := {int(match["number"]) for match in _GROUP.finditer(log)}):
        return set()
    members = {number: _members(build, number) for number in failed}
    grouped = set().union(*members.values())
    found: set[str] = set()
    included_from: list[str] = []
    for line in log.splitlines():
        if match := _FROM.match(line):
            included_from.append(match["file"])
        elif match := _ERROR.match(line):
            chain = [
                name for path in (match["file"], *included_from) if (name := _relative(path, source, build)) in grouped
            ]
            found.update(chain[:1])
            included_from = []
        elif not line.startswith(" ") and not line.endswith(":"):
            # Not a line of code, nor one like "x.h: In function 'f':", which stands between the two.
            included_from = []
    blamed = {number for number, names in members.items() if names & found}
    return found.union(*(members[number] for number in failed - blamed))


def _members(build: Path, number: int) -> set[str]:
    """The sources that CMake's own file of a group includes."""
    found: set[str] = set()
    for path in build.glob(f"CMakeFiles/*.dir/Unity/unity_group{number}_cxx.cxx"):
        included = re.findall(r'#include "([^"]+)"', path.read_text(encoding="utf-8"))
        # Relative to the source's top, so that one group is the same text, and a hit for ccache, in every build.
        found.update(name for item in included if (name := _relative(item, build.parent, build.parent)))
    return found


def _relative(path: str, source: Path, build: Path) -> str:
    """``path``, which may be relative to ``build`` (ccache makes it so), relative to ``source``; empty if outside."""
    try:
        return (build / path).resolve().relative_to(source.resolve()).as_posix()
    except ValueError:
        return ""


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    except OSError:
        return []


def _text(names: set[str]) -> bytes:
    return ("\n".join(sorted(names)) + "\n").encode()
