"""What a probe wrote is read as far as it came."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import failure_in, module, trace_of

from scaffold.probe.spool import SpoolWriter
from scaffold.trace.model import PassRecord, PassTiming, text_digest
from scaffold.trace.spool import Spool, read_spool

START, AFTER = module("x = 1"), module("x = 2")
RECORDS = trace_of(START, ("tl.Outer", AFTER), ("tl.Next", AFTER)).trace.passes


def ended(record: PassRecord, duration: float | None) -> dict[str, Any]:
    return {"pass": {**asdict(record), "inclusive_ms": duration}}


def begun(record: PassRecord) -> dict[str, Any]:
    return {"begin": {"sequence": record.sequence, "name": record.name}}


LINES: list[dict[str, Any]] = [
    {"hello": {"python": "3.12.4"}},
    {"kernel": {"target_string": "cuda"}},
    {"text": {"digest": text_digest(START), "body": START}},
    begun(RECORDS[0]),
    {"text": {"digest": text_digest(AFTER), "body": AFTER}},
    ended(RECORDS[0], 1.5),
    {"warning": "slow"},
    begun(RECORDS[1]),
    ended(RECORDS[1], None),
    {"module": {"kind": "device-module", "digest": text_digest(AFTER)}},
    {"source": {"digest": "d"}},
    {"lowered": {"lowering_ms": 2.0}},
    {"end": {}},
]
WHOLE = "".join(json.dumps(line) + "\n" for line in LINES)


def spool_of(tmp_path: Path, content: str | bytes) -> Spool:
    path = tmp_path / "spool.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_spool(path)


def test_read_whole_spool_gives_every_kind(tmp_path: Path) -> None:
    assert spool_of(tmp_path, WHOLE) == Spool(
        hello={"python": "3.12.4"},
        kernel={"target_string": "cuda"},
        texts={text_digest(START): START, text_digest(AFTER): AFTER},
        passes=list(RECORDS),
        timings=[PassTiming(0, 1.5)],
        begun={0: "tl.Outer", 1: "tl.Next"},
        modules={"device-module": text_digest(AFTER)},
        source={"digest": "d"},
        lowered={"lowering_ms": 2.0},
        warnings=["slow"],
        ended=True,
    )


def test_read_what_the_probe_writes_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "spool.jsonl"
    body = "a\nb\u2028c\x85d \x0c é\n"
    with SpoolWriter(str(path)) as writer:
        digests = [writer.text(body), writer.text(body)]
        writer.write("warning", body)
    spool = read_spool(path)
    assert digests == [text_digest(body)] * 2
    assert spool.texts == {text_digest(body): body}
    assert spool.warnings == [body]
    assert path.read_text(encoding="utf-8").count('{"text"') == 1


def test_read_missing_spool_is_empty(tmp_path: Path) -> None:
    assert read_spool(tmp_path / "none") == Spool()


@given(cut=st.integers(0, len(WHOLE)))
def test_read_spool_cut_anywhere_gives_the_whole_lines_before(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    whole_lines = WHOLE[:cut].count("\n")
    cut_spool = spool_of(folder, WHOLE[:cut])
    assert cut_spool == spool_of(folder, "".join(json.dumps(line) + "\n" for line in LINES[:whole_lines]))
    assert cut_spool.ended == (cut == len(WHOLE))


def test_read_spool_with_a_last_line_cut_where_it_is_still_json_drops_it(tmp_path: Path) -> None:
    """``{"end": {}}`` without its line feed may be the beginning of a line."""
    assert not spool_of(tmp_path, WHOLE.rstrip("\n")).ended


def test_read_spool_cut_within_a_character_drops_the_line(tmp_path: Path) -> None:
    content = '{"warning": "one"}\n{"warning": "é'.encode()[:-1]
    assert spool_of(tmp_path, content).warnings == ["one"]


@pytest.mark.parametrize("line", ["", "nonsense", "[]", "3", "null", '{"a": 1, "b": 2}', "{}", '"text"'])
def test_read_line_that_is_none_of_ours_ends_the_reading(tmp_path: Path, line: str) -> None:
    spool = spool_of(tmp_path, f'{{"warning": "one"}}\n{line}\n{{"warning": "two"}}\n')
    assert spool.warnings == ["one"]


def test_read_unknown_kind_is_a_warning_and_no_end(tmp_path: Path) -> None:
    spool = spool_of(tmp_path, '{"colour": "red"}\n{"end": {}}\n')
    assert spool.warnings == ["the probe wrote an unknown line 'colour'"]
    assert spool.ended


def test_unfinished_after_a_crash_names_the_innermost_open_pass(tmp_path: Path) -> None:
    lines = [begun(RECORDS[0]), {"begin": {"sequence": 1, "name": "tl.Nested"}}]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    assert spool_of(tmp_path, content).unfinished == (1, "tl.Nested")


def test_unfinished_where_the_nested_pass_ended_names_the_outer_one(tmp_path: Path) -> None:
    lines = [begun(RECORDS[0]), begun(RECORDS[1]), ended(RECORDS[1], 1.0)]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    assert spool_of(tmp_path, content).unfinished == (0, "tl.Outer")


def test_unfinished_when_every_pass_ended_is_none(tmp_path: Path) -> None:
    assert spool_of(tmp_path, WHOLE).unfinished is None


@pytest.mark.parametrize("fault", [True, False])
def test_read_failure_keeps_whose_fault_it_is(tmp_path: Path, fault: bool) -> None:
    failure = failure_in(0, "tl.Outer")
    spool = spool_of(tmp_path, json.dumps({"failure": {**asdict(failure), "users_fault": fault}}) + "\n")
    assert spool.failure == failure
    assert spool.users_fault is fault
