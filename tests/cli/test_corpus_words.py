"""What is said of scripts that gave no kernel, and what the next command repeats."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.builds.script import PassedOver
from scaffold.cli.corpus import FUNCTIONS, _require_some, _why_none
from scaffold.cli.tir_diff import _next_one, _parser, given
from scaffold.corpus.lowering import Lowered, LoweredKernel
from scaffold.corpus.manifest import Entry, Manifest
from scaffold.errors import NothingCompiledError, ProbeTimeoutError

SKIPPED = PassedOver("script.py", 24, "TypeError", "no dtype", compiler=False, unknown=("size",))
GONE = PassedOver("script.py", 6, "AttributeError", "GONE (not found in PassConfigKey)", compiler=True)


def manifest(folder: Path) -> Manifest:
    (folder / "script.py").write_text(
        "@tilelang.jit\ndef one(size, *, block=8): ...\n"
        "def two():\n    @T.prim_func\n    def main(): ...\ndef other(): ...\n"
        "class Net:\n    def __init__(self, width): ...\n    def forward(self, x, y=1): ...\n"
    )
    return Manifest((Entry("script.py", "cuda:sm_80", str(folder)),))


def test_script_without_a_kernel_says_why_and_which_functions_it_has(tmp_path: Path) -> None:
    with pytest.raises(NothingCompiledError) as caught:
        _require_some(manifest(tmp_path), [Lowered((), passed_over=(SKIPPED,))])
    line = "passed over script.py:24 TypeError: no dtype; unknown since: size"
    assert caught.value.message == f"no kernel was compiled: {line}"
    assert caught.value.context["script.py cuda:sm_80"] == line
    listed = str(caught.value.context[FUNCTIONS]).splitlines()
    names = ["script.py::one --set size=…", "script.py::two", "script.py::Net --init width --input x"]
    assert [item.rpartition("/")[2] for item in listed] == names


def test_script_that_ran_to_its_end_has_nothing_to_say(tmp_path: Path) -> None:
    with pytest.raises(NothingCompiledError) as caught:
        _require_some(manifest(tmp_path), [Lowered(())])
    assert set(caught.value.context) == {FUNCTIONS}


def test_script_that_was_stopped_by_time_says_which_flag_raises_it(tmp_path: Path) -> None:
    with pytest.raises(ProbeTimeoutError, match=r"script\.py did not end within 20 s") as caught:
        _require_some(manifest(tmp_path), [Lowered((), stopped="did not end within 20 s", timed_out_after_s=20.0)])
    assert "--timeout" in str(caught.value.hint)


def test_every_reason_is_kept_and_none_twice() -> None:
    both = Lowered((), not_built=(str(GONE), "other.py:2: ValueError: no"), stopped="did not end within 5 s")
    assert both.why_missing == f"{GONE}; other.py:2: ValueError: no; did not end within 5 s"
    assert Lowered((), not_built=(str(GONE),), stopped="AttributeError: GONE (line 9)").reasons == (str(GONE),)


def test_named_script_without_a_kernel_has_a_row_and_one_of_the_corpus_only_with_a_reason() -> None:
    assert _why_none(Lowered(()), named=True) == "nothing compiled"
    assert _why_none(Lowered(()), named=False) == ""
    assert "script.py:24" in _why_none(Lowered((), passed_over=(SKIPPED,)), named=False)
    assert _why_none(Lowered((LoweredKernel("a", "a", "d"),)), named=True) == ""


def test_next_command_repeats_all_that_decides_what_is_compiled() -> None:
    typed = [
        "two.py", "--target", "cuda:sm_80", "--build", "wheel:0.1.13", "--no-machine-code", "--set", "tl.a=true",
        "--set", "tl.b=1", "--script-args=--n 3", "--timeout", "20", "--jobs", "2", "--no-resident", "--json", "--all",
        "-q",
    ]  # fmt: skip
    namespace = _parser().parse_intermixed_args(typed)
    words = given(namespace)
    again = _parser().parse_intermixed_args(["two.py", *words])
    for name in ("target", "build", "no_machine_code", "no_resident", "set", "script_args", "timeout", "jobs"):
        assert getattr(again, name) == getattr(namespace, name)
    assert not {"--json", "--all", "--quiet"} & set(words)
    assert "--script-args='--n 3'" in _next_one(namespace) or "'--script-args=--n 3'" in _next_one(namespace)


def test_what_is_missing_and_tests_that_are_skipped_are_reasons(tmp_path: Path) -> None:
    lowered = Lowered((), notes=("2 tests were skipped: no GPU", "a loop was cut short"), missing=("kernels",))
    with pytest.raises(NothingCompiledError) as caught:
        _require_some(manifest(tmp_path), [lowered])
    assert caught.value.message.endswith("2 tests were skipped: no GPU")
    assert "kernels is not installed" in str(caught.value.context["script.py cuda:sm_80"])
    assert "cut short" not in str(caught.value.context)
