"""A run as a table, as JSON and as JUnit's XML."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scaffold.corpus.examples.model import ExampleResult, Outcome, Totals
from scaffold.corpus.examples.record import Campaign
from scaffold.corpus.examples.shown import headline, print_campaign
from scaffold.corpus.examples.words import clean, last_words, what_was_raised
from scaffold.corpus.examples.written import document, junit
from scaffold.report.terminal import make_console

LONG = "examples/flash_attention/example_gqa_bwd_tma_reduce_varlen.py"


def campaign(folder: Path) -> Campaign:
    tests = "examples/gemm/test_example_gemm.py"
    results = [
        ExampleResult(
            LONG, "script", "flash_attention", (Outcome(LONG, "", "passed", 12.3),), 12.3, "NVIDIA H200", "box"
        ),
        ExampleResult(
            tests,
            "tests",
            "gemm",
            (
                Outcome(tests, "test_a", "passed", 1.0),
                Outcome(tests, "test_b[1-x]", "failed", 2.5, "AssertionError: off by 3", "E   assert 1 == 4"),
                Outcome(tests, "test_c", "timed out", 600.0, "did not end within 600 s", "File main.py"),
                Outcome(tests, "test_d", "skipped", 0.0, "Requires CUDA compute eq 10.0, but have 9.0"),
            ),
            604.0,
            "NVIDIA H200",
            "box",
        ),
        ExampleResult(
            "examples/gemm/other.py",
            "script",
            "gemm",
            (Outcome("examples/gemm/other.py", "", "failed", 1.0, "AssertionError: off by 3", "said\x00\x1b[31m red"),),
            1.0,
            "NVIDIA H200",
            "box",
        ),
        *(
            ExampleResult(path, "script", "aws", (Outcome(path, "", "not run", reason="needs capability >= 10.0"),))
            for path in ("examples/aws/a.py", "examples/aws/b.py")
        ),
    ]
    made = Campaign(
        "wheel:0.1.15", "/up", "0.1.14", "examples of 0.1.14", 5, folder, "2026-01-02T03:04:05+00:00", results, 310.4
    )
    made.log_of("examples/gemm/other.py").write_text("all of it")
    return made


def shown(made: Campaign, width: int) -> str:
    stream = io.StringIO()
    print_campaign(made, make_console(stream, color="never", width=width), gpu="", next_command="python -m scaffold")
    return stream.getvalue()


def test_the_first_line_answers(tmp_path: Path) -> None:
    made = campaign(tmp_path)
    assert headline(made, "") == ("2 passed, 2 failed, 1 timed out, 1 skipped, 2 not run in 310 s on NVIDIA H200")
    made.interrupted = True
    assert headline(made, "").startswith("interrupted after 5 of 5 files: 2 passed")
    made.results.clear()
    assert headline(made, "NVIDIA A100") == "interrupted after 0 of 5 files: nothing ran in 310 s on NVIDIA A100"


@pytest.mark.parametrize("width", [80, 200])
def test_the_table_says_all_at_any_width(tmp_path: Path, width: int) -> None:
    text = shown(campaign(tmp_path), width)
    lines = text.splitlines()
    assert lines[0].startswith("2 passed")
    assert lines[-1] == "next: python -m scaffold"
    assert max(len(line) for line in lines if "log: " not in line) <= width
    assert any(re.fullmatch(re.escape(LONG.removeprefix("examples/")) + r" +passed +12 *", line) for line in lines)
    assert "1 passed, 1 failed, 1" in text
    assert "not run: needs capability >= 10.0: aws/a.py, aws/b.py" in lines
    assert text.replace("\n", "").count("off by 3") == 1, "what went wrong in the same way is told once"
    assert "  the same: gemm/other.py" in text
    assert "  | E   assert 1 == 4" in text


def test_the_document_counts_and_keeps_places_apart(tmp_path: Path) -> None:
    made = document(campaign(tmp_path))
    text = json.dumps(made)
    assert json.loads(text)["totals"] == {"passed": 2, "failed": 2, "timed out": 1, "skipped": 1, "not run": 2}
    provenance = made.pop("provenance")
    assert provenance["gpus"] == ["NVIDIA H200"]
    assert str(tmp_path) not in json.dumps(made)
    assert "2026" not in json.dumps(made)


def test_junit_is_xml_that_counts_right(tmp_path: Path) -> None:
    made = campaign(tmp_path)
    other = made.results[2]
    cleaned = Outcome(other.path, "", "failed", 1.0, clean("bad \x00 & <it>"), clean(other.outcomes[0].tail))
    made.results[2] = ExampleResult(other.path, "script", "gemm", (cleaned,), 1.0)
    root = ElementTree.fromstring(junit(made))
    assert root.tag == "testsuites"
    suites = {suite.get("name"): suite for suite in root}
    assert len(suites) == len(made.results)
    for suite in suites.values():
        cases = suite.findall("testcase")
        assert int(suite.get("tests") or "") == len(cases)
        for element, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(attribute) or "") == len(suite.findall(f"testcase/{element}"))
        assert all(case.get("name") and case.get("classname") and float(case.get("time") or "") >= 0 for case in cases)
    gemm = suites["examples/gemm/test_example_gemm.py"]
    assert [case.get("name") for case in gemm] == ["test_a", "test_b[1-x]", "test_c", "test_d"]
    error = gemm.find("testcase[@name='test_c']/error")
    assert error is not None
    assert error.get("message") == "timed out: did not end within 600 s"
    failure = suites["examples/gemm/other.py"].find("testcase/failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("bad \ufffd & <it>", "said\ufffd red")


def test_totals_leave_out_what_did_not_occur() -> None:
    assert str(Totals.of([])) == "nothing ran"
    result = ExampleResult("a", "script", "a", (Outcome("a", "", "lowered"), Outcome("a", "", "crashed")))
    assert str(Totals.of([result])) == "1 lowered, 1 crashed"


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("Traceback\n  File x\nValueError: odd\n", "ValueError: odd"),
        ("Traceback\ntvm.error.InternalError: Check failed\n  note: more\n", "tvm.error.InternalError: Check failed"),
        ("only\nwords\n", "words"),
        ("", ""),
    ],
)
def test_the_last_exception_of_a_log_is_found(text: str, raised: str) -> None:
    assert what_was_raised(text) == raised


def test_terminal_commands_and_carets_are_left_out() -> None:
    assert clean("\x1b[1mbold\x1b[0m 10%\r 20%\rdone\r\nnext\x07") == "bolddone\nnext\ufffd".replace("bold", "", 1)
    assert last_words("    x = 1 / 0\n        ~~^~~\nZeroDivisionError") == "    x = 1 / 0\nZeroDivisionError"
