"""A trace as files: what is in them, and that no name leaves the folder."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import SOURCE, Step, failure_in, module, trace_of

from scaffold.trace.dump import dump_files
from scaffold.trace.model import Artifact

START, AFTER = module("x = 1"), module("x = 2")


def test_dump_gives_every_pass_its_number_and_text() -> None:
    file = trace_of(
        START,
        ("tl.First", AFTER),
        Step("pass_fn", AFTER, depth=1, label="Nested"),
        ("tl.Quiet", AFTER),
        ("tl.Raises", None),
        failure=failure_in(3, "tl.Raises"),
    )
    files = dict(dump_files(file))
    assert list(files) == [
        "000-input.tir",
        "001-tl.First.tir",
        "002-pass_fn-Nested.tir",
        "003-tl.Quiet.tir",
        "kernel.cu",
        "index.txt",
    ]
    assert files["000-input.tir"] == START
    assert files["001-tl.First.tir"] == files["003-tl.Quiet.tir"] == AFTER
    assert files["kernel.cu"] == SOURCE


def test_dump_index_says_what_each_pass_did_and_what_is_missing() -> None:
    file = trace_of(START, ("tl.First", AFTER), ("tl.Quiet", AFTER), ("tl.Raises", None), source=None)
    index = dict(dump_files(file))["index.txt"].splitlines()
    assert index[0] == "gemm for cuda:sm_90a, wheel:0.1.15 (TileLang 0.1.15)"
    assert index[1] == "num_stages=2"
    assert [line.split()[:3] for line in index[3:6]] == [
        ["001", "changed", "tl.First"],
        ["002", "unchanged", "tl.Quiet"],
        ["003", "raised", "tl.Raises"],
    ]
    assert index[6].split(maxsplit=1) == ["missing", "kernel.cu: codegen was not reached"]


HOSTILE = ["../../evil", "/etc/passwd", "a\\b", "..", ".", "", "a\0b", "a\nb", "CON:", "x" * 4000, "é" * 4000, "💥"]


def safe(name: str) -> bool:
    stem = name.encode()
    return (
        0 < len(stem) <= 200
        and not {"/", "\\", "\0", "\n", ":", "*", "?", '"', "<", ">", "|"} & set(name)
        and not name.startswith((".", "-"))
        and ".." not in name.split("-")
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_dump_hostile_names_are_plain_names(name: str) -> None:
    file = trace_of(START, (name, AFTER))
    artifacts = (Artifact("ptx", name, file.trace.input),)
    names = [name for name, _ in dump_files(replace(file, trace=replace(file.trace, artifacts=artifacts)))]
    assert len(names) == 4
    assert all(safe(item) for item in names), names
    assert names[1].startswith("001-")


@given(st.text())
def test_dump_any_pass_name_is_a_plain_name(name: str) -> None:
    assert all(safe(item) for item, _ in dump_files(trace_of(START, (name, AFTER))))
