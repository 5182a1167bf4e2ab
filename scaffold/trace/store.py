"""``.tltrace``: one trace in one file.

A tar archive compressed with xz (``tar xf gemm.tltrace`` opens it): ``trace.json`` is the model, ``texts/<sha256>``
each text once.
Members are sorted, and carry no time, owner or mode, so equal traces are equal files.
The run record lies beside it as ``gemm.run.json``: it differs from run to run.

Opening is safe for a file from anywhere: nothing is unpacked to disk, sizes are bounded before and while reading,
names must be the two forms above, and every text must hash to its name.
"""

from __future__ import annotations

import io
import lzma
import re
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from scaffold.errors import TraceFileError
from scaffold.files import write_atomically
from scaffold.trace.json_schema import schema_of
from scaffold.trace.model import SCHEMA_VERSION, RunRecord, Trace, TraceFile, text_digest

SUFFIX = ".tltrace"
RUN_SUFFIX = ".run.json"

#: Largest file and largest content accepted, in bytes. The largest trace of the zoo unpacks to under 4 MB.
MAX_FILE_BYTES = 256 * 1024**2
MAX_CONTENT_BYTES = 1024**3
_MAX_DECODER_MEMORY_BYTES = 512 * 1024**2

_TEXT_NAME = re.compile(r"texts/([0-9a-f]{64})\Z")
_COMPRESSION_PRESET = 6

#: What msgspec raises for a document it cannot read; text that is no UTF-8 and deep nesting have no error of its own.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def pack_trace(trace: Trace, texts: Mapping[str, str]) -> bytes:
    """The bytes of a ``.tltrace`` file."""
    members = {"trace.json": msgspec.json.format(msgspec.json.encode(trace, order="sorted"), indent=1)}
    members |= {f"texts/{digest}": texts[digest].encode() for digest in trace.digests()}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in _similar_first(members, trace):
            entry = tarfile.TarInfo(name)
            entry.size = len(members[name])
            tar.addfile(entry, io.BytesIO(members[name]))
    return lzma.compress(archive.getvalue(), preset=_COMPRESSION_PRESET)


def _similar_first(members: Mapping[str, bytes], trace: Trace) -> list[str]:
    """Member names with the texts in pass order: neighbours are alike, which is what the compressor feeds on."""
    return ["trace.json", *(f"texts/{digest}" for digest in trace.digests() if f"texts/{digest}" in members)]


def unpack_trace(data: bytes, *, origin: str) -> TraceFile:
    """Read the bytes of a ``.tltrace`` file; ``origin`` names it in errors.

    Raises
    ------
    TraceFileError
        If it is truncated, too large, holds a foreign name, a text under a wrong digest, or another schema.
    """
    content = _decompress(data, origin)
    document: bytes | None = None
    texts: dict[str, str] = {}
    for name, body in _members(content, origin):
        if name == "trace.json":
            document = body
            continue
        match = _TEXT_NAME.match(name)
        if match is None:
            raise TraceFileError(
                f"{origin} holds a member named {name!r}, which no trace has", hint="do not trust where it came from"
            )
        texts[match.group(1)] = _verified(match.group(1), body, origin)
    if document is None:
        raise TraceFileError(f"{origin} is no trace: it has no trace.json", hint="make one: scaffold tir-diff KERNEL")
    trace = _decode(document, origin)
    absent = [digest for digest in trace.digests() if digest not in texts]
    if absent:
        raise TraceFileError(
            f"{origin} lacks {len(absent)} of the {len(trace.digests())} texts its passes refer to",
            hint="ask for the whole file again",
        )
    return TraceFile(trace, texts)


def write_trace(path: Path, file: TraceFile) -> None:
    """Write a trace, and its run record beside it where there is one; both appear whole or not at all."""
    write_atomically(path, pack_trace(file.trace, file.texts))
    if file.run is not None:
        document = msgspec.json.format(msgspec.json.encode(file.run, order="sorted"), indent=1)
        write_atomically(run_path(path), document)


def read_trace(path: Path) -> TraceFile:
    """Read a trace, with its run record where that lies beside it.

    Raises
    ------
    TraceFileError
        If the file is not there or cannot be trusted (see :func:`unpack_trace`).
    """
    try:
        if path.exists() and not path.is_file():
            raise TraceFileError(f"{path} is no file", hint="name a .tltrace file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TraceFileError(
                f"{path} is {path.stat().st_size / 1e6:.0f} MB; a trace is at most {MAX_FILE_BYTES / 1e6:.0f} MB",
                hint="this is not a trace the kit wrote",
            )
        data = path.read_bytes()
    except OSError as error:
        raise TraceFileError(f"cannot read {path}: {error.strerror}", hint="check the path") from error
    file = unpack_trace(data, origin=str(path))
    try:
        run = msgspec.json.decode(run_path(path).read_bytes(), type=RunRecord)
    except (OSError, *_UNREADABLE):
        return file
    return replace(file, run=run)


def run_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(SUFFIX) + RUN_SUFFIX)


def trace_schema() -> dict[str, object]:
    """The JSON Schema of ``trace.json``, as published in ``scaffold/trace/trace.schema.json``."""
    return schema_of("lowering trace", [Trace], SCHEMA_VERSION)


def _decompress(data: bytes, origin: str) -> bytes:
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MAX_DECODER_MEMORY_BYTES)
    try:
        content = decoder.decompress(data, max_length=MAX_CONTENT_BYTES + 1)
    except lzma.LZMAError as error:
        raise TraceFileError(f"{origin} is damaged or no trace: {error}", hint="ask for the file again") from error
    if len(content) > MAX_CONTENT_BYTES:
        raise TraceFileError(
            f"{origin} unpacks to more than {MAX_CONTENT_BYTES / 1e9:.0f} GB, which no trace does",
            hint="do not trust where it came from",
        )
    if decoder.unused_data:
        raise TraceFileError(f"{origin} holds more than a trace", hint="ask for the file again")
    if not decoder.eof:
        raise TraceFileError(f"{origin} is cut short", hint="ask for the whole file again")
    return content


def _members(content: bytes, origin: str) -> list[tuple[str, bytes]]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for entry in tar:
                # A sparse member is "regular" to tarfile, and unpacks to whatever size its header claims.
                body = tar.extractfile(entry) if entry.isreg() and not entry.issparse() else None
                if body is None or entry.name in found:
                    raise TraceFileError(
                        f"{origin} holds a member named {entry.name!r} that is doubled or no plain file",
                        hint="do not trust where it came from",
                    )
                found[entry.name] = body.read()
    except (tarfile.TarError, ValueError) as error:  # ValueError: a number in a hostile PAX header
        raise TraceFileError(f"{origin} is damaged or no trace: {error}", hint="ask for the file again") from error
    return list(found.items())


def _verified(digest: str, body: bytes, origin: str) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise TraceFileError(f"{origin}: text {digest[:12]} is not UTF-8", hint="ask for the file again") from error
    if text_digest(text) != digest:
        raise TraceFileError(f"{origin}: text {digest[:12]} was changed", hint="do not trust where it came from")
    return text


def _decode(document: bytes, origin: str) -> Trace:
    try:
        version = msgspec.json.decode(document, type=dict[str, msgspec.Raw]).get("schema_version")
        found = msgspec.json.decode(version, type=int) if version is not None else None
    except _UNREADABLE as error:
        raise TraceFileError(
            f"{origin}: trace.json is no JSON object: {error}", hint="ask for the file again"
        ) from error
    if found != SCHEMA_VERSION:
        raise TraceFileError(
            f"{origin} has trace schema {found}, this kit reads {SCHEMA_VERSION}",
            hint="update the kit" if isinstance(found, int) and found > SCHEMA_VERSION else "record it again",
        )
    try:
        return msgspec.json.decode(document, type=Trace)
    except _UNREADABLE as error:
        raise TraceFileError(
            f"{origin}: trace.json breaks its schema: {error}", hint="ask for the file again"
        ) from error
