"""Every error has a code of its own, an exit code that means one thing, and reads well."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaffold import errors
from scaffold.cli.main import format_error
from scaffold.errors import ExitCode, ScaffoldError, TraceFileError

ROOT = Path(errors.__file__).parents[1]


def every_error() -> list[type[ScaffoldError]]:
    return [ScaffoldError, *_below(ScaffoldError)]


def _below(base: type[ScaffoldError]) -> Iterator[type[ScaffoldError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _below(kind)


EVERY = pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)


@EVERY
def test_error_has_a_kebab_case_code_of_its_own(kind: type[ScaffoldError]) -> None:
    assert "code" in vars(kind), "a code is never inherited"
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
    assert Counter(other.code for other in every_error())[kind.code] == 1


@EVERY
def test_error_has_an_exit_code_of_the_table(kind: type[ScaffoldError]) -> None:
    assert isinstance(kind.exit_code, ExitCode)
    assert kind.exit_code not in (ExitCode.OK, ExitCode.FINDING, ExitCode.INTERRUPTED)


def test_exit_codes_are_those_the_design_promises() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "FINDING": 1,
        "USAGE": 2,
        "ENVIRONMENT": 3,
        "BUILD": 4,
        "PROBE": 5,
        "BUG": 70,
        "INTERRUPTED": 130,
    }
    assert len(ExitCode.__members__) == len(set(ExitCode)), "no two names for one code"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("usage", ExitCode.USAGE),
        ("trace-file", ExitCode.USAGE),
        ("environment", ExitCode.ENVIRONMENT),
        ("output-folder", ExitCode.ENVIRONMENT),
        ("build-failed", ExitCode.BUILD),
        ("probe-crashed", ExitCode.PROBE),
        ("probe-timeout", ExitCode.PROBE),
        ("empty-capture", ExitCode.PROBE),
        ("lowering-failed", ExitCode.PROBE),
    ],
)
def test_error_code_leaves_with_its_exit_code(code: str, expected: ExitCode) -> None:
    (kind,) = [kind for kind in every_error() if kind.code == code]
    assert kind("x").exit_code is expected


def test_exit_codes_are_nowhere_written_as_numbers() -> None:
    """``sys.exit(3)`` would be a second meaning in waiting."""
    found = [
        f"{path}:{node.lineno}"
        for path in (ROOT / "scaffold").rglob("*.py")
        if "probe" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("sys.exit", "os._exit", "exit", "SystemExit")
        and any(isinstance(item, ast.Constant) and isinstance(item.value, int) for item in node.args)
    ]
    assert found == []


@EVERY
def test_error_keeps_message_hint_and_facts(kind: type[ScaffoldError]) -> None:
    error = kind("no such thing", hint="try this", context={"python": "3.12"})
    assert (str(error), error.message, error.hint, error.context) == (
        "no such thing",
        "no such thing",
        "try this",
        {"python": "3.12"},
    )
    assert (kind("x").hint, kind("x").context) == (None, {})


def test_format_error_says_code_message_facts_and_hint() -> None:
    error = TraceFileError(
        "gemm.tltrace is cut short",
        hint="ask for the whole file again",
        context={"size": 12, "log": "one\ntwo\n", "empty": "", "path": "a b"},
    )
    assert format_error(error).splitlines() == [
        "error[trace-file]: gemm.tltrace is cut short",
        "  size: 12",
        "  log:",
        "    one",
        "    two",
        "  path: a b",
        "hint: ask for the whole file again",
    ]


def test_format_error_without_hint_and_facts_is_one_line() -> None:
    assert format_error(ScaffoldError("broken")) == "error[error]: broken"


def test_main_leaves_with_the_exit_code_of_what_was_raised() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scaffold", "kernels", "gem"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert done.stderr.startswith("error[unknown-kernel]: unknown kernel 'gem'\nhint: ")
    assert "Traceback" not in done.stderr
