"""``passes`` from end to end, over an installed wheel made of nothing; and the links it gives to ``tir-diff``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from passtree import TREE, package
from sources import write
from traces import module, trace_of
from verbs import run_verb

from scaffold.builds.marker import write_marker
from scaffold.builds.passes.store import PassIndexes
from scaffold.builds.workspace import Workspace
from scaffold.cli.options import Output
from scaffold.cli.passes import show
from scaffold.progress import Progress
from scaffold.trace.model import TraceFile
from scaffold.trace.store import write_trace

URL = "https://github.com/tile-ai/tilelang/blob/v1.2.3"
OUTPUT = Output("terminal", None, "never", 120)
START, END = module("C[8] = 0"), module("C[8] = 1")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with one wheel, and upstream's tree of the release before it."""
    found = Workspace(tmp_path / "workspace")
    folder = found.builds / "wheel-1.2.3"
    site = write(folder / "env" / "lib" / "python3.12" / "site-packages", package())
    (site / "tilelang-1.2.3.dist-info").mkdir()
    (folder / "python").touch()
    write_marker(folder, {"name": "wheel:1.2.3", "python": str(folder / "python")})
    write(found.cache / "upstream" / "1.2.2", TREE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(found.root))
    monkeypatch.setenv("COLUMNS", "120")
    return found


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert run_verb("passes", *argv) == 0
    return capsys.readouterr().out


def test_list_has_a_row_a_pass_and_says_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys).splitlines()
    assert lines[0] == "wheel:1.2.3: 5 passes of TileLang, 1 of TVM"
    (row,) = [line for line in lines if line.startswith("tl.Lower")]
    assert row.split() == ["tl.Lower", "src/transform/lower.cc:3", "1"]
    assert lines[-1] == "next: python -m scaffold passes FoldAll --build wheel:1.2.3"


@pytest.mark.parametrize("columns", ["80", "120", "200"])
def test_list_and_pass_show_the_same_facts_at_any_width(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    listing = printed(capsys)
    for fact in ("tl.WarpRoles", "src/cuda/transform/warp.cc:3", "tilelang/cuda/transform/__init__.py:4"):
        assert fact in listing
    assert max(map(len, listing.splitlines()[:-1])) <= int(columns)
    assert printed(capsys, "WarpRoles").splitlines()[0] == "tl.WarpRoles: a C++ pass of TileLang, wheel:1.2.3"


def test_pass_shows_all_that_is_known_of_it(capsys: pytest.CaptureFixture[str], workspace: Workspace) -> None:
    text = printed(capsys, "tl.FoldAll")
    folder = workspace.cache / "upstream" / "1.2.2" / "testing"
    assert [line.strip() for line in text.splitlines()[1:-2]] == [
        "defined in src/transform/fold_all.cc:3",
        f"{URL}/src/transform/fold_all.cc#L3",
        "Python     tilelang/transform/__init__.py:9 FoldAll",
        "registered tl.transform.FoldAll",
        "configs    tl.fast, read in the file that defines it",
        "run by     cuda tilelang/cuda/pipeline.py:8 in run",
        "tests      testing/python/transform/test_lower.py:5 makes it",
        "testing/python/transform/test_fold_all.py:1 mentions it",
        f"run tests  cd {folder} && python -m pytest python/transform/test_lower.py",
        "docs       docs/passes.md:3",
        "",
    ]
    assert "those of 1.2.2" in text.splitlines()[-2]
    assert text.splitlines()[-1] == (
        "next: python -m scaffold tir-diff gemm --pass FoldAll --target cuda:sm_90a --build wheel:1.2.3"
    )


def test_calls_in_one_function_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "run by     cuda tilelang/cuda/pipeline.py:7, 11 in run\n" in printed(capsys, "Lower")


def test_name_of_two_passes_shows_both(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "foldall")
    assert text.index("tl.FoldAll: a C++ pass of TileLang") < text.index("tirx.FoldAll: a C++ pass of TVM")


def test_unknown_name_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("passes", "WarpRole") == 2
    assert capsys.readouterr().err == (
        "error[unknown-pass]: no pass 'WarpRole' in wheel:1.2.3, which has 6\nhint: did you mean WarpRoles?\n"
    )
    assert run_verb("passes", "zzzz") == 2
    assert "hint: list them: python -m scaffold passes --build wheel:1.2.3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        ((), ["tl.FoldAll", "pass_fn (Hoist)", "tl.Lower", "tl.Named", "tl.WarpRoles", "tirx.FoldAll"]),
        (("--match", "cuda/transform"), ["tl.WarpRoles"]),
        (("--match", "zzzz"), []),
        (("Lower", "Named"), ["tl.Lower", "tl.Named"]),
    ],
)
def test_json_has_the_passes_asked_for_with_links(
    argv: Sequence[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(printed(capsys, *argv, "--json"))
    assert [item["name"] for item in document["passes"]] == names
    links = {item["name"]: item["url"] for item in document["passes"]}
    assert links.get("tl.Lower", f"{URL}/src/transform/lower.cc#L3") == f"{URL}/src/transform/lower.cc#L3"
    assert (document["build"], document["code"]["version"], document["texts"]["version"]) == (
        "wheel:1.2.3",
        "1.2.3",
        "1.2.2",
    )


def test_passes_of_tvm_that_tilelang_does_not_make_are_left_out(
    capsys: pytest.CaptureFixture[str], workspace: Workspace
) -> None:
    pipeline = next(workspace.builds.rglob("tilelang/cuda/pipeline.py"))
    pipeline.write_text(pipeline.read_text().replace("tirx.transform", "tirx.other"))
    assert "0 of TVM; 1 more of TVM with --all" in printed(capsys)
    assert "tirx.FoldAll" in printed(capsys, "--all")


@pytest.mark.parametrize("argv", [(), ("Lower",)])
def test_markdown_links_to_the_lines(argv: Sequence[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = printed(capsys, *argv, "--format", "markdown")
    assert f"[src/transform/lower.cc:3]({URL}/src/transform/lower.cc#L3)" in text
    assert run_verb("passes", *argv, "-o", str(tmp_path / "passes.md")) == 0
    assert (tmp_path / "passes.md").read_text() == text


def test_without_tests_it_says_how_to_get_them(capsys: pytest.CaptureFixture[str], workspace: Workspace) -> None:
    (workspace.cache / "upstream" / "1.2.2").rename(workspace.cache / "upstream" / "1.2.4")
    text = printed(capsys, "Lower")
    assert "python -m scaffold passes Lower --build wheel:1.2.3 --fetch" in text
    assert "tests " not in text.partition("no tests")[0]


def test_name_and_filter_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("passes", "Lower", "--match", "cuda") == 2
    assert "a NAME is shown whole" in capsys.readouterr().err


def test_build_that_is_not_here_is_not_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("passes", "--build", "wheel:9.9.9") == 2
    assert "python -m scaffold builds add wheel:9.9.9" in capsys.readouterr().err


def test_workspace_without_builds_takes_the_checkout_around_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / "empty"))
    assert run_verb("passes") == 2
    assert "python -m scaffold builds add wheel:latest" in capsys.readouterr().err
    checkout = write(tmp_path / "checkout", TREE)
    monkeypatch.chdir(checkout / "src")
    assert f"worktree:{checkout}: 5 passes of TileLang" in printed(capsys)


def test_kernels_a_pass_changes_are_shown_where_they_are_known(
    capsysbinary: pytest.CaptureFixture[bytes], workspace: Workspace
) -> None:
    index = PassIndexes(workspace, Progress(verbosity=-1)).get("wheel:1.2.3")
    assert index
    lower, hoist = index.find("Lower")[0], index.find("Hoist")[0]

    def text(entry: Any) -> str:
        show(index, [entry], OUTPUT, whole=True, changes={"tl.Lower": ["gemm cuda:sm_80"]})
        return capsysbinary.readouterr().out.decode()

    shown = text(lower)
    assert "  changes    gemm cuda:sm_80\n" in shown
    assert "python -m scaffold tir-diff --corpus" in shown
    assert "changes" not in text(hoist)


def made_by(build: str, *steps: tuple[str, str]) -> TraceFile:
    file = trace_of(START, *steps)
    return replace(file, trace=replace(file.trace, build=replace(file.trace.build, name=build)))


def test_report_of_a_trace_says_where_its_passes_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, workspace: Workspace
) -> None:
    write_trace(tmp_path / "x.tltrace", made_by("wheel:1.2.3", ("tl.Lower", END), ("tl.Unknown", END)))
    assert run_verb("tir-diff", "x.tltrace", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["passes"]
    assert [(row["source"], row["url"]) for row in rows] == [
        ("src/transform/lower.cc:3", f"{URL}/src/transform/lower.cc#L3"),
        ("", ""),
    ]
    assert run_verb("tir-diff", "x.tltrace", "--pass", "1") == 0
    assert "  defined in src/transform/lower.cc:3\n" in capsys.readouterr().out


def test_report_of_a_build_that_is_not_here_has_no_links(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, workspace: Workspace
) -> None:
    write_trace(tmp_path / "x.tltrace", made_by("a name of tomorrow", ("tl.Lower", END)))
    assert run_verb("tir-diff", "x.tltrace", "--json") == 0
    assert [row["source"] for row in json.loads(capsys.readouterr().out)["passes"]] == [""]
