"""The indexes of a workspace's builds: read once, kept in ``workspace/cache/passes``, read anew when a file changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from scaffold.builds.names import BuildName, parse_name
from scaffold.builds.passes.index import SCHEMA_VERSION, PassIndex, Tree
from scaffold.builds.passes.layout import SourceFile, signature
from scaffold.builds.passes.origin import Origin, find_origin
from scaffold.builds.passes.scan import SCANNER_VERSION, scan
from scaffold.builds.passes.texts import TextTrees
from scaffold.builds.source.worktree import find_checkout
from scaffold.builds.workspace import Workspace
from scaffold.files import write_atomically
from scaffold.progress import Progress

#: The key of tests and docs where none were read.
_NO_TEXTS = "none"


class _Kept(msgspec.Struct, frozen=True):
    """An index, and keys of what it was read from."""

    code_key: str
    texts_key: str
    index: PassIndex


class PassIndexes:
    """Finds the index of a build by the build's name."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        self.workspace = workspace
        self.progress = progress
        self._texts = TextTrees(workspace, progress)

    def look(self, name: str) -> PassIndex | None:
        """What is known of the passes of build ``name`` without a download and without reading tests or docs.

        ``None`` where that build is not here.
        """
        origin = self._origin(name)
        if origin is None:
            return None
        key = _code_key(origin)
        kept = self._read(origin)
        if kept is not None and kept.code_key == key:
            return kept.index
        index = _scan(origin, None)
        self._write(origin, _Kept(key, _NO_TEXTS, index))
        return index

    def get(self, name: str, *, fetch: bool = False) -> PassIndex | None:
        """The whole index of build ``name``; ``None`` where that build is not here.

        ``fetch`` downloads the source archive of its release, or of the nearest older one that has one, for tests and
        docs.

        Raises
        ------
        UnknownBuildError
            If the name has no known form, or ``fetch`` finds no archive that goes with it.
        EnvironmentProblem
            If ``fetch`` reaches no index.
        """
        origin = self._origin(name)
        if origin is None:
            return None
        texts = origin if origin.layout.repository else self._find_texts(origin, fetch=fetch)
        key, texts_key = _code_key(origin), _texts_key(texts)
        kept = self._read(origin)
        if kept is not None and (kept.code_key, kept.texts_key) == (key, texts_key):
            return kept.index
        with self.progress.step(f"reading the passes of {name}"):
            index = _scan(origin, texts)
        self._write(origin, _Kept(key, texts_key, index))
        return index

    def _origin(self, name: str) -> Origin | None:
        parsed = parse_name(name)
        if parsed.kind == "worktree" and not parsed.rest:
            parsed = BuildName("worktree", str(find_checkout("", self.workspace).root))
        return find_origin(parsed, self.workspace, self.progress)

    def _find_texts(self, origin: Origin, *, fetch: bool) -> Origin | None:
        version = origin.tree.version
        found = self._texts.find(version)
        if fetch and version and (found is None or found.tree.version != version):
            return self._texts.fetch(version)
        return found

    def _path(self, origin: Origin) -> Path:
        return self.workspace.cache / "passes" / f"{parse_name(origin.tree.label).folder}.json"

    def _read(self, origin: Origin) -> _Kept | None:
        try:
            return msgspec.json.decode(self._path(origin).read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write(self, origin: Origin, kept: _Kept) -> None:
        write_atomically(self._path(origin), msgspec.json.encode(kept))


def _scan(origin: Origin, texts: Origin | None) -> PassIndex:
    return PassIndex(
        schema_version=SCHEMA_VERSION,
        build=origin.tree.label,
        code=origin.tree,
        texts=texts.tree if texts else None,
        passes=scan(origin.layout, texts.layout if texts else None),
    )


def _code_key(origin: Origin) -> str:
    return _key(origin.tree, [*origin.layout.cpp(), *origin.layout.python()])


def _texts_key(origin: Origin | None) -> str:
    return _key(origin.tree, [*origin.layout.tests(), *origin.layout.docs()]) if origin else _NO_TEXTS


def _key(tree: Tree, files: Iterable[SourceFile]) -> str:
    """What decides an index: the files, how they are told and linked, and who reads them."""
    facts = (SCHEMA_VERSION, SCANNER_VERSION, msgspec.structs.astuple(tree), signature(files))
    return hashlib.sha256(repr(facts).encode()).hexdigest()
