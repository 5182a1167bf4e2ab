"""The recorder, with modules that are no TVM: what counts is order, nesting and identity."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from scaffold.probe.recorder import Recorder
from scaffold.probe.spool import SpoolWriter
from scaffold.trace.spool import Spool, read_spool


class Node:
    """Something with an address, as TVM's nodes have."""

    def __init__(self, address: int) -> None:
        self._address = address

    def __chandle__(self) -> int:
        return self._address


class Variable(NamedTuple):
    name_hint: str


class Module:
    """A module of one function; equal ``body`` addresses stand for an unchanged function."""

    printed = 0

    def __init__(self, text: str, body: int) -> None:
        self.text = text
        self.attrs = None
        function = SimpleNamespace(body=Node(body), attrs=None, buffer_map=Node(1), params=Node(2), ret_type=None)
        self.functions = {Variable("main"): function}

    def script(self, *, show_meta: bool) -> str:
        assert show_meta
        type(self).printed += 1
        return f"# from tvm.script import ir as I\n# from tvm.script import tirx as T\n\n{self.text}"


def copy(module: Module) -> Module:
    copied = object.__new__(type(module))
    copied.__dict__ = dict(module.__dict__)
    return copied


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Module, "printed", 0)

    def run(script: Any) -> Spool:
        path = tmp_path / "spool.jsonl"
        with SpoolWriter(str(path)) as spool:
            recorder = Recorder(spool, copy=copy)
            script(recorder)
            recorder.fail()
            recorder.close()
        return read_spool(path)

    return run


def test_recorder_keeps_nesting_and_order(recorded: Any) -> None:
    one, two, three = Module("one", 1), Module("two", 2), Module("three", 3)

    def script(recorder: Recorder) -> None:
        recorder.before_pass(one, "outer")
        recorder.before_pass(one, "inner")
        recorder.after_pass(two, "inner")
        recorder.after_pass(three, "outer")

    spool = recorded(script)
    by_name = {record.name: record for record in spool.passes}
    assert (by_name["outer"].sequence, by_name["outer"].depth, by_name["outer"].parent) == (0, 0, None)
    assert (by_name["inner"].sequence, by_name["inner"].depth, by_name["inner"].parent) == (1, 1, 0)
    assert spool.texts[by_name["outer"].after or ""] == "three\n"
    assert spool.texts[by_name["inner"].before] == "one\n"
    assert len(spool.timings) == 2


def test_recorder_prints_an_unchanged_function_once(recorded: Any) -> None:
    def script(recorder: Recorder) -> None:
        for _ in range(10):
            recorder.before_pass(Module("same", 7), "noop")
            recorder.after_pass(Module("same", 7), "noop")

    spool = recorded(script)
    assert Module.printed == 1
    assert len(spool.passes) == 10
    assert all(record.before == record.after for record in spool.passes)


def test_recorder_prints_a_module_as_it_was_when_a_pass_changes_it_in_place(recorded: Any) -> None:
    shared = Module("before", 1)

    def script(recorder: Recorder) -> None:
        recorder.before_pass(shared, "tl.SplitHostDevice")
        shared.text = "after"
        shared.functions = Module("", 2).functions
        recorder.after_pass(shared, "tl.SplitHostDevice")

    spool = recorded(script)
    (record,) = spool.passes
    assert [spool.texts[record.before], spool.texts[record.after or ""]] == ["before\n", "after\n"]


def test_recorder_tells_a_new_body_with_the_same_text_from_a_change(recorded: Any) -> None:
    def script(recorder: Recorder) -> None:
        recorder.before_pass(Module("same", 1), "rebuilds")
        recorder.after_pass(Module("same", 2), "rebuilds")

    spool = recorded(script)
    assert Module.printed == 2
    assert spool.passes[0].before == spool.passes[0].after


def test_recorder_closes_passes_that_raised_innermost_first(recorded: Any) -> None:
    def script(recorder: Recorder) -> None:
        recorder.before_pass(Module("a", 1), "outer")
        recorder.before_pass(Module("a", 1), "inner")
        assert recorder.running == (1, "inner")

    spool = recorded(script)
    assert [(record.name, record.after) for record in spool.passes] == [("inner", None), ("outer", None)]


def test_recorder_survives_an_inner_pass_that_raised_and_was_caught(recorded: Any) -> None:
    def script(recorder: Recorder) -> None:
        recorder.before_pass(Module("a", 1), "outer")
        recorder.before_pass(Module("a", 1), "inner")
        recorder.after_pass(Module("b", 2), "outer")

    spool = recorded(script)
    by_name = {record.name: record for record in spool.passes}
    assert by_name["inner"].after is None
    assert spool.texts[by_name["outer"].after or ""] == "b\n"


def test_recorder_names_the_line_that_ran_the_pass(recorded: Any) -> None:
    def script(recorder: Recorder) -> None:
        recorder.before_pass(Module("a", 1), "named")
        recorder.after_pass(Module("a", 1), "named")

    record = recorded(script).passes[0]
    assert record.caller is not None
    assert record.caller.startswith("test_recorder.py:")
    assert record.phase == "script"


def test_recorder_hands_on_what_printing_raised(recorded: Any) -> None:
    class Broken(Module):
        def script(self, *, show_meta: bool) -> str:
            message = f"no syntax for it ({show_meta})"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="no syntax for it"):
        recorded(lambda recorder: recorder.module(Broken("x", 1)))


class ThreadSync:
    """Runs as a pass, as a pipeline names it: by a constructor with arguments, called with a module."""

    def __init__(self, *_: str) -> None: ...

    def __call__(self, recorder: Recorder) -> None:
        recorder.before_pass(Module("a", 1), "tl.ThreadSync")
        recorder.before_pass(Module("a", 1), "tl.Nested")
        recorder.after_pass(Module("a", 1), "tl.Nested")
        recorder.after_pass(Module("a", 1), "tl.ThreadSync")


def test_recorder_reads_the_arguments_of_the_pass_that_the_line_names(
    recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.probe.recorder._calling_frame", lambda: sys._getframe(3))

    def script(recorder: Recorder) -> None:
        ThreadSync("shared.dyn")(recorder)
        ThreadSync()(recorder)
        # fmt: off
        ThreadSync(
            "shared", "("
        )(recorder)
        # fmt: on

    found = [(record.name, record.arguments) for record in recorded(script).passes]
    assert [arguments for name, arguments in found if name == "tl.ThreadSync"] == ['"shared.dyn"', "", None]
    assert {arguments for name, arguments in found if name == "tl.Nested"} == {None}


def test_recorder_in_step_writes_all_that_came_before_a_pass(tmp_path: Path) -> None:
    class Slow(Module):
        def script(self, *, show_meta: bool) -> str:
            time.sleep(0.05)
            return super().script(show_meta=show_meta)

    path = tmp_path / "spool.jsonl"
    with SpoolWriter(str(path)) as spool:
        recorder = Recorder(spool, copy=copy, in_step=True)
        recorder.before_pass(Slow("a", 1), "tl.First")
        recorder.after_pass(Slow("b", 2), "tl.First")
        recorder.before_pass(Slow("b", 2), "tl.Dies")
        seen = read_spool(path)
        recorder.fail()
        recorder.close()
    assert [record.name for record in seen.passes] == ["tl.First"]
    assert [(record.name, record.before, record.after) for record in seen.open_passes.values()] == [
        ("tl.Dies", seen.passes[0].after, None)
    ]
