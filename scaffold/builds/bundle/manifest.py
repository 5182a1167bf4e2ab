"""What a bundle says it holds: ``manifest.json``. Standard library only.

A bundle is made of objects (the content of a file, named by its sha256). Wheels and trees are lists of paths and
objects, so equal files travel once. Environments are lists of wheels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, TypeVar

from scaffold.errors import BundleFileError

#: Raise it when an older kit could not read what this one writes. 1: first.
SCHEMA = 1
MEMBER = "manifest.json"

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_STREAM = re.compile(r"[a-z]+\.xz\Z")
_Model = TypeVar("_Model")


@dataclass(frozen=True)
class Object:
    """The content of one or more files; ``size`` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Stream:
    """One compressed member: its objects one after the other. ``size`` and ``sha256`` are of the compressed bytes."""

    member: str
    size: int
    sha256: str
    objects: tuple[Object, ...]


@dataclass(frozen=True)
class File:
    path: str
    sha256: str
    executable: bool = False


@dataclass(frozen=True)
class Wheel:
    """A wheel; ``origin_sha256`` is of the file the package index has, before it was packed anew."""

    file: str
    name: str
    version: str
    origin_sha256: str
    files: tuple[File, ...]


@dataclass(frozen=True)
class Tree:
    """A folder below the workspace; ``links`` are symbolic links, path to target."""

    path: str
    files: tuple[File, ...]
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """A virtual environment ``folder/env`` below the workspace.

    ``proof`` is the module that must import in it. ``paths`` are lines of a ``.pth`` file, relative to ``folder``.
    ``marker`` is what ``build.json`` says, with ``{folder}`` for the folder; none for the kit's own environment.
    """

    name: str
    folder: str
    wheels: tuple[str, ...]
    proof: str
    needs_torch: bool = False
    paths: tuple[str, ...] = ()
    marker: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class LeftOut:
    """Files that one step of making the bundle smaller took out; ``size`` in bytes, not compressed."""

    what: str
    files: int
    size: int


@dataclass(frozen=True)
class Stripped:
    """A library without its symbols: other bytes than those released."""

    path: str
    origin_sha256: str
    origin_size: int
    sha256: str
    size: int


@dataclass(frozen=True)
class Requirements:
    """The interpreter a bundle is for; ``glibc`` is what its wheels say they need, none where they say nothing."""

    python: str
    system: str
    machine: str
    platform: str
    glibc: str | None = None


@dataclass(frozen=True)
class Manifest:
    kit_version: str
    kit_commit: str
    requires: Requirements
    streams: tuple[Stream, ...]
    wheels: tuple[Wheel, ...]
    trees: tuple[Tree, ...]
    environments: tuple[Environment, ...]
    left_out: tuple[LeftOut, ...] = ()
    stripped: tuple[Stripped, ...] = ()
    schema: int = SCHEMA

    def objects(self) -> dict[str, Object]:
        return {item.sha256: item for stream in self.streams for item in stream.objects}

    def wheel(self, file: str) -> Wheel:
        return next(wheel for wheel in self.wheels if wheel.file == file)

    @property
    def raw_size(self) -> int:
        """Bytes of all objects, not compressed."""
        return sum(item.size for item in self.objects().values())


def encode_manifest(manifest: Manifest) -> bytes:
    """JSON, the same bytes for the same manifest. Files refer to objects by number: a digest is written once."""
    document = asdict(manifest)
    number = {digest: index for index, digest in enumerate(manifest.objects())}
    for holder in (*document["wheels"], *document["trees"]):
        holder["files"] = [[item["path"], number[item["sha256"]], int(item["executable"])] for item in holder["files"]]
    for stream in document["streams"]:
        stream["objects"] = [[item["sha256"], item["size"]] for item in stream["objects"]]
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def decode_manifest(data: bytes, *, origin: str) -> Manifest:
    """Read ``manifest.json``; ``origin`` names the bundle in errors.

    Raises
    ------
    BundleFileError
        If it is of another schema, lacks something, or names a path outside the workspace.
    """
    try:
        document = json.loads(data)
        schema = document["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleFileError(f"{origin} has no readable manifest", hint="copy the bundle again") from error
    if schema != SCHEMA:
        raise BundleFileError(
            f"{origin} is of schema {schema}, this kit reads {SCHEMA}", hint=f"run the bundle itself: python3 {origin}"
        )
    try:
        manifest = _manifest(document)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BundleFileError(f"{origin} has a damaged manifest: {error}", hint="copy the bundle again") from error
    for path in _paths(manifest):
        if not is_inside(path):
            raise BundleFileError(
                f"{origin} names {path!r}, which lies outside the workspace", hint="do not trust where it came from"
            )
    return manifest


def _manifest(document: dict[str, Any]) -> Manifest:
    streams = tuple(_stream(item) for item in document["streams"])
    digests = [item.sha256 for stream in streams for item in stream.objects]

    def files(rows: list[list[Any]]) -> tuple[File, ...]:
        return tuple(File(str(path), digests[number], bool(executable)) for path, number, executable in rows)

    return _build(
        Manifest,
        document,
        requires=_build(Requirements, document["requires"]),
        streams=streams,
        wheels=tuple(_build(Wheel, item, files=files(item["files"])) for item in document["wheels"]),
        trees=tuple(_build(Tree, item, files=files(item["files"])) for item in document["trees"]),
        environments=tuple(
            _build(Environment, item, wheels=tuple(item["wheels"]), paths=tuple(item["paths"]))
            for item in document["environments"]
        ),
        left_out=tuple(_build(LeftOut, item) for item in document["left_out"]),
        stripped=tuple(_build(Stripped, item) for item in document["stripped"]),
    )


def _stream(document: dict[str, Any]) -> Stream:
    objects = tuple(Object(str(digest), int(size)) for digest, size in document["objects"])
    if not _STREAM.match(document["member"]) or not all(_SHA256.match(item.sha256) for item in objects):
        raise ValueError(f"stream {document['member']!r}")
    return _build(Stream, document, objects=objects)


def _build(kind: type[_Model], document: Mapping[str, Any], **built: Any) -> _Model:
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    return kind(**{**{key: value for key, value in document.items() if key in known}, **built})


def _paths(manifest: Manifest) -> Iterator[str]:
    for wheel in manifest.wheels:
        yield wheel.file
        yield from (item.path for item in wheel.files)
    for tree in manifest.trees:
        yield tree.path
        yield from (item.path for item in tree.files)
        for link, target in tree.links.items():
            yield link
            yield str(PurePosixPath(tree.path, link).parent / target)
    for environment in manifest.environments:
        yield environment.folder or "."
        yield from environment.paths


def is_inside(path: str) -> bool:
    """Whether a path, from the workspace on, stays in it."""
    pure = PurePosixPath(path)
    depth = 0
    for part in pure.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return bool(path) and not pure.is_absolute() and "\\" not in path and "\0" not in path
