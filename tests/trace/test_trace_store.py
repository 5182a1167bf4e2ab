"""The trace file: what is written comes back, and nothing hostile gets in."""

from __future__ import annotations

import builtins
import io
import json
import lzma
import re
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import failure_in, module, trace_of

from scaffold.errors import ExitCode, OutputFolderError, TraceFileError
from scaffold.files import write_atomically
from scaffold.trace import store
from scaffold.trace.model import FunctionResources, Trace, TraceFile, text_digest
from scaffold.trace.store import (
    pack_trace,
    read_trace,
    run_path,
    trace_schema,
    unpack_trace,
    write_trace,
)

START, AFTER = module("x = 1"), module("x = 2", "y = 3")
FILE = trace_of(START, ("tl.First", AFTER), ("tl.Quiet", AFTER), durations=(1.5, 0.25))
PACKED = pack_trace(FILE.trace, FILE.texts)


def document(**changes: Any) -> bytes:
    """The ``trace.json`` of :data:`FILE` with fields replaced."""
    return json.dumps({**json.loads(msgspec.json.encode(FILE.trace)), **changes}).encode()


def entry(name: str, body: bytes = b"", **attributes: Any) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(body)
    for key, value in attributes.items():
        setattr(member, key, value)
    return member, body


def texts() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [entry(f"texts/{digest}", body.encode()) for digest, body in FILE.texts.items()]


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, body in members:
            tar.addfile(member, io.BytesIO(body))
    return lzma.compress(buffer.getvalue(), preset=0)


def whole(*extra: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A valid trace file with further members."""
    return archive(entry("trace.json", document()), *texts(), *extra)


def refused(data: bytes) -> TraceFileError:
    with pytest.raises(TraceFileError) as caught:
        unpack_trace(data, origin="gemm.tltrace")
    assert caught.value.message.startswith("gemm.tltrace")
    assert caught.value.hint
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value


def test_pack_and_unpack_gives_the_same_trace_and_texts() -> None:
    file = unpack_trace(PACKED, origin="x")
    assert file.trace == FILE.trace
    assert file.texts == FILE.texts
    assert file.run is None


def test_pack_keeps_resources_warnings_and_failure() -> None:
    resources = (FunctionResources("gemm_kernel", 128, 0, 4, 0, 1024, 900),)
    trace = replace(FILE.trace, resources=resources, warnings=("slow", "ünïcode"), failure=failure_in(1, "tl.Quiet"))
    assert unpack_trace(pack_trace(trace, FILE.texts), origin="x").trace == trace


def test_helper_whole_without_extra_members_is_accepted() -> None:
    """Without this, every refusal below could be for a wrong reason."""
    assert unpack_trace(whole(), origin="x") == TraceFile(FILE.trace, FILE.texts)


def test_pack_equal_traces_gives_equal_bytes() -> None:
    """Neither the order of the mappings nor that of the texts may show."""
    kernel = replace(FILE.trace.kernel, parameters={"a": 1, "b": 2})
    swapped = replace(FILE.trace.kernel, parameters={"b": 2, "a": 1})
    backwards = dict(reversed(list(FILE.texts.items())))
    one = pack_trace(replace(FILE.trace, kernel=kernel), FILE.texts)
    assert one == pack_trace(replace(FILE.trace, kernel=swapped), backwards)


def test_pack_leaves_out_texts_that_the_trace_does_not_name() -> None:
    assert pack_trace(FILE.trace, {**FILE.texts, text_digest("spare"): "spare"}) == PACKED


def test_pack_is_a_tar_that_anyone_can_open_and_holds_each_text_once() -> None:
    with tarfile.open(fileobj=io.BytesIO(PACKED), mode="r:xz") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        "trace.json",
        *(f"texts/{digest}" for digest in FILE.trace.digests()),
    ]
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}


def test_write_and_read_gives_the_run_record_from_the_file_beside(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "gemm.tltrace"
    write_trace(path, FILE)
    assert sorted(item.name for item in path.parent.iterdir()) == ["gemm.run.json", "gemm.tltrace"]
    assert read_trace(path) == FILE
    assert path.read_bytes() == PACKED


def test_write_two_runs_of_one_trace_gives_equal_trace_files(tmp_path: Path) -> None:
    other = trace_of(START, ("tl.First", AFTER), ("tl.Quiet", AFTER), durations=(9.0, 9.0))
    write_trace(tmp_path / "one.tltrace", FILE)
    write_trace(tmp_path / "other.tltrace", other)
    assert (tmp_path / "one.tltrace").read_bytes() == (tmp_path / "other.tltrace").read_bytes()
    assert run_path(tmp_path / "one.tltrace").read_bytes() != run_path(tmp_path / "other.tltrace").read_bytes()


@pytest.mark.parametrize("body", [None, b"", b"{}", b"not json", b"\xff", b'{"started_at": "\xff"}', b"[" * 10**5])
def test_read_without_a_usable_run_record_still_gives_the_trace(tmp_path: Path, body: bytes | None) -> None:
    path = tmp_path / "gemm.tltrace"
    path.write_bytes(PACKED)
    if body is not None:
        run_path(path).write_bytes(body)
    assert read_trace(path) == TraceFile(FILE.trace, FILE.texts)


def test_read_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match=r"cannot read .*absent.tltrace: No such file"):
        read_trace(tmp_path / "absent.tltrace")


def test_read_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match=r"is no file"):
        read_trace(tmp_path)


def test_read_too_large_a_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gemm.tltrace"
    path.write_bytes(PACKED)
    monkeypatch.setattr(store, "MAX_FILE_BYTES", len(PACKED))
    assert read_trace(path).trace == FILE.trace
    monkeypatch.setattr(store, "MAX_FILE_BYTES", len(PACKED) - 1)
    monkeypatch.setattr(Path, "read_bytes", _never)
    with pytest.raises(TraceFileError, match="a trace is at most"):
        read_trace(path)


def _never(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("this must not happen")


def test_write_atomically_into_a_place_that_is_no_folder_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputFolderError, match="cannot write"):
        write_atomically(tmp_path / "file" / "x", b"")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_write_atomically_that_fails_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gemm.tltrace"
    path.write_bytes(b"old")

    def full(*_: Any) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputFolderError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0, 1, 5, 6, 11, 12, 24, 25, 40, *range(60, len(PACKED), 37), len(PACKED) - 1])
def test_unpack_cut_short_is_refused(kept: int) -> None:
    refused(PACKED[:kept])


def test_unpack_cut_in_the_last_byte_says_cut_short() -> None:
    assert "cut short" in refused(PACKED[:-1]).message


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "cut short"),
    "not xz": (lambda: b"hello" * 100, "damaged or no trace"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(100), "damaged or no trace"),
    "xz of not tar": (lambda: lzma.compress(b"hello" * 1000), "damaged or no trace"),
    "xz of nothing": (lambda: lzma.compress(b""), "damaged or no trace"),
    "tar of nothing": (archive, "no trace.json"),
    "parent name": (lambda: whole(entry("../evil", b"x")), r"named '../evil'"),
    "parent text name": (lambda: whole(entry("texts/../../evil", b"x")), r"named 'texts/../../evil'"),
    "absolute name": (lambda: whole(entry("/etc/passwd", b"x")), "named '/etc/passwd'"),
    "foreign name": (lambda: whole(entry("README", b"x")), "named 'README'"),
    "text name with a newline": (
        lambda: whole(entry(f"texts/{text_digest('x')}\n", b"x")),
        r"which no trace has",
    ),
    "text name in capitals": (lambda: whole(entry(f"texts/{'A' * 64}", b"x")), "which no trace has"),
    "symlink": (
        lambda: whole(entry("texts/" + "0" * 64, type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        "no plain file",
    ),
    "hard link": (lambda: whole(entry("texts/" + "0" * 64, type=tarfile.LNKTYPE, linkname="trace.json")), "plain file"),
    "device": (lambda: whole(entry("trace.json", type=tarfile.CHRTYPE)), "no plain file"),
    "folder": (lambda: whole(entry("texts", type=tarfile.DIRTYPE)), "no plain file"),
    "doubled text": (lambda: whole(texts()[0]), "doubled"),
    "doubled trace": (lambda: whole(entry("trace.json", document())), "doubled"),
    "wrong digest": (lambda: whole(entry("texts/" + "0" * 64, b"x")), "text 000000000000 was changed"),
    "text not UTF-8": (lambda: whole(entry("texts/" + "0" * 64, b"\xff\xfe")), "text 000000000000 is not UTF-8"),
    "missing text": (lambda: archive(entry("trace.json", document()), *texts()[1:]), r"lacks 1 of the 3 texts"),
    "no texts": (lambda: archive(entry("trace.json", document())), "lacks 3 of the 3 texts"),
    "no trace": (lambda: archive(*texts()), "no trace.json"),
    "trace not JSON": (lambda: archive(entry("trace.json", b"{"), *texts()), "no JSON object"),
    "trace not UTF-8": (
        lambda: archive(entry("trace.json", document(warnings=["@@"]).replace(b"@@", b"\xff\xfe")), *texts()),
        "trace.json",
    ),
    "trace with rubbish behind": (lambda: archive(entry("trace.json", document() + b"x"), *texts()), "no JSON object"),
    "trace a list": (lambda: archive(entry("trace.json", b"[1]"), *texts()), "no JSON object"),
    "trace nested too deep": (
        lambda: archive(entry("trace.json", b'{"x":' + b"[" * 10**5 + b"]" * 10**5 + b"}"), *texts()),
        "no JSON object",
    ),
    "passes a number": (lambda: archive(entry("trace.json", document(passes=3)), *texts()), r"schema: .*passes"),
    "input a number": (lambda: archive(entry("trace.json", document(input=3)), *texts()), r"schema: .*input"),
    "kernel missing": (
        lambda: archive(entry("trace.json", document().replace(b'"kernel"', b'"colonel"')), *texts()),
        "schema: .*kernel",
    ),
    "unknown artifact kind": (
        lambda: archive(
            entry("trace.json", document(artifacts=[{"kind": "virus", "name": "x", "digest": None}])), *texts()
        ),
        "schema: .*virus",
    ),
    "schema version 2": (
        lambda: archive(entry("trace.json", document(schema_version=2)), *texts()),
        "trace schema 2, this kit reads 1",
    ),
    "schema version 0": (lambda: archive(entry("trace.json", document(schema_version=0)), *texts()), "trace schema 0"),
    "schema version text": (
        lambda: archive(entry("trace.json", document(schema_version="1")), *texts()),
        "no JSON object",
    ),
    "schema version missing": (lambda: archive(entry("trace.json", b"{}"), *texts()), "trace schema None"),
    "PAX header with a bad number": (
        lambda: whole(entry("texts/" + "0" * 64, b"x", pax_headers={"GNU.sparse.realsize": "x"})),
        "damaged or no trace",
    ),
    "PAX header with a larger size": (
        lambda: whole(entry("texts/" + "0" * 64, b"x", pax_headers={"size": "99999999999"})),
        "damaged or no trace",
    ),
    "sparse member": (
        lambda: whole(
            entry("texts/" + "0" * 64, b"x", pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": str(10**12)})
        ),
        "no plain file",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_unpack_hostile_file_is_refused_and_nothing_is_written(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, expected = HOSTILE[case]
    data = make()
    with monkeypatch.context() as patch:
        for name in ("mkdir", "write_bytes", "write_text", "open", "symlink_to", "touch"):
            patch.setattr(Path, name, _never)
        for name in ("extract", "extractall", "makefile", "makelink", "makedir"):
            patch.setattr(tarfile.TarFile, name, _never)
        patch.setattr(builtins, "open", _never)
        error = refused(data)
    assert re.search(expected, error.message), error.message


def test_unpack_bomb_is_refused_while_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = lzma.compress(bytes(50_000_000), preset=0)
    assert len(bomb) < 10_000
    monkeypatch.setattr(store, "MAX_CONTENT_BYTES", 1_000_000)
    assert "unpacks to more than" in refused(bomb).message


def test_unpack_content_of_just_the_largest_size_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(lzma.decompress(PACKED))
    monkeypatch.setattr(store, "MAX_CONTENT_BYTES", size)
    assert unpack_trace(PACKED, origin="x").trace == FILE.trace
    monkeypatch.setattr(store, "MAX_CONTENT_BYTES", size - 1)
    refused(PACKED)


def test_unpack_that_needs_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MAX_DECODER_MEMORY_BYTES", 1000)
    assert "damaged or no trace" in refused(PACKED).message


def test_unpack_newer_schema_advises_to_update() -> None:
    assert refused(archive(entry("trace.json", document(schema_version=2)))).hint == "update the kit"
    assert refused(archive(entry("trace.json", document(schema_version=0)))).hint == "record it again"


def _same_or_refused(data: bytes) -> None:
    try:
        found = unpack_trace(data, origin="x")
    except TraceFileError:
        return
    assert found == TraceFile(FILE.trace, FILE.texts)


@given(st.lists(st.tuples(st.integers(0, len(PACKED) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_unpack_with_bytes_flipped_is_refused_or_the_same(flips: list[tuple[int, int]]) -> None:
    data = bytearray(PACKED)
    for position, mask in flips:
        data[position] ^= mask
    _same_or_refused(bytes(data))


PLAIN = lzma.decompress(PACKED)


@given(st.lists(st.tuples(st.integers(0, len(PLAIN) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_unpack_with_bytes_of_the_archive_changed_never_crashes(changes: list[tuple[int, int]]) -> None:
    """Behind the checksum of xz: whoever changes the archive can make a new one. Texts still cannot lie."""
    data = bytearray(PLAIN)
    for position, value in changes:
        data[position] = value
    try:
        found = unpack_trace(lzma.compress(bytes(data), preset=0), origin="x")
    except TraceFileError:
        return
    assert all(text_digest(text) == digest for digest, text in found.texts.items())


@given(st.binary(max_size=300))
def test_unpack_any_bytes_is_refused(data: bytes) -> None:
    refused(data)


@pytest.mark.parametrize("failed", [False, True])
def test_packed_trace_is_valid_by_its_schema(failed: bool) -> None:
    trace = replace(FILE.trace, failure=failure_in(1, "tl.Quiet")) if failed else FILE.trace
    with tarfile.open(fileobj=io.BytesIO(pack_trace(trace, FILE.texts)), mode="r:xz") as tar:
        member = tar.extractfile("trace.json")
        assert member is not None
        packed = json.load(member)
    validator = jsonschema.Draft202012Validator(trace_schema())
    jsonschema.Draft202012Validator.check_schema(trace_schema())
    validator.validate(packed)
    del packed["kernel"]["target"]
    assert not validator.is_valid(packed)


def test_schema_names_every_field_of_a_trace() -> None:
    definitions = trace_schema()["$defs"]
    assert isinstance(definitions, dict)
    assert set(definitions["Trace"]["properties"]) == set(Trace.__dataclass_fields__)
