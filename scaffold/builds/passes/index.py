"""The index of passes: what a build's sources say of each, found by the name a trace shows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

SCHEMA_VERSION = 1

_TVM = "3rdparty/tvm/"

#: How TVM calls a pass that is a Python function called ``pass_fn`` and was given no name.
ANONYMOUS = "pass_fn"


class Place(msgspec.Struct, frozen=True, order=True):
    """A line of a file; ``path`` as in the repository of TileLang, also where the file lies in a wheel."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Call(msgspec.Struct, frozen=True, order=True):
    """A line that makes the pass, and the function it stands in; ``backend`` is that of its folder, if it has one."""

    backend: str
    path: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Mention(msgspec.Struct, frozen=True, order=True):
    """A file that has to do with the pass, by its first such line; ``calls`` where it makes the pass."""

    path: str
    line: int
    calls: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class PassEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One pass.

    Attributes
    ----------
    name
        As a trace shows it: ``tl.LowerTileOp``, or ``pass_fn (HoistBroadcastValues)`` for one without a name.
    constructor
        The function that makes it, as Python calls it; as C++ does where Python cannot.
    source
        Where that function is defined: of a C++ pass in C++. ``None`` where the sources are not here.
    registered
        The name C++ exposes it by (``tl.transform.LowerTileOp``).
    configs
        Keys of pass configs that its file reads.
    """

    name: str
    kind: Literal["c++", "python"]
    project: Literal["tilelang", "tvm"]
    constructor: str
    source: Place | None
    registered: str | None = None
    wrapper: Place | None = None
    callers: tuple[Call, ...] = ()
    tests: tuple[Mention, ...] = ()
    docs: tuple[Mention, ...] = ()
    configs: tuple[str, ...] = ()

    @property
    def tail(self) -> str:
        """``LowerTileOp``: how one speaks of it, and what ``--pass`` takes."""
        return self.constructor if self.name.startswith(ANONYMOUS) else self.name.rpartition(".")[2]


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """Where files were read.

    Attributes
    ----------
    label
        ``wheel:0.1.15``, ``git:main``, ``sdist:0.1.14``.
    version
        The release, without what a build adds to it; empty where nothing says.
    url, tvm_url
        Where the same files can be read on the web, with the commit or tag; empty where none is known.
    changed
        Files that are not what they are at ``url``; all of them where it holds ``*``.
    """

    label: str
    version: str
    folder: str
    url: str = ""
    tvm_url: str = ""
    changed: tuple[str, ...] = ()

    def link(self, path: str, line: int) -> str:
        """A permalink to a line; empty where there is none that shows this very line."""
        if path in self.changed or "*" in self.changed:
            return ""
        if path.startswith(_TVM):
            return f"{self.tvm_url}/{path.removeprefix(_TVM)}#L{line}" if self.tvm_url else ""
        return f"{self.url}/{path}#L{line}" if self.url else ""


class PassIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The passes of one build: ``code`` is read for sources, wrappers and callers, ``texts`` for tests and docs."""

    schema_version: int
    build: str
    code: Tree
    texts: Tree | None
    passes: tuple[PassEntry, ...]

    def find(self, name: str) -> tuple[PassEntry, ...]:
        """The passes that ``name`` means, in any case; the likeliest first, and only those if it is a whole name."""
        exact = [entry for entry in self.passes if entry.name == name]
        if exact:
            return tuple(sorted(exact, key=_likeliness))
        wanted = name.lower()
        found = [entry for entry in self.passes if wanted in _names(entry)]
        return tuple(sorted(found, key=_likeliness))

    def matching(self, text: str) -> tuple[PassEntry, ...]:
        """The passes with ``text`` in a name or in the path of a file."""
        wanted = text.lower()
        return tuple(entry for entry in self.passes if any(wanted in item for item in _words(entry)))

    def near(self, name: str, most: int = 3) -> list[str]:
        """Names a typo may have meant, nearest first."""
        by_lower = {item: entry for entry in reversed(self.passes) for item in _names(entry)}
        near = difflib.get_close_matches(name.lower(), by_lower, n=most * 2, cutoff=0.6)
        return list(dict.fromkeys(by_lower[item].tail for item in near))[:most]


def _names(entry: PassEntry) -> set[str]:
    names = {entry.name, entry.tail, entry.constructor, entry.registered or entry.name}
    return {name.lower() for name in names}


def _words(entry: PassEntry) -> Iterable[str]:
    places: Sequence[object] = (entry.source, entry.wrapper, *entry.callers)
    return (str(item).lower() for item in (entry.name, entry.constructor, *places) if item)


def _likeliness(entry: PassEntry) -> tuple[bool, bool, bool, str]:
    """TileLang's own first, then those Python can make, then those made by a function of their name."""
    return (entry.project != "tilelang", entry.wrapper is None, entry.constructor != entry.tail, str(entry.source))
