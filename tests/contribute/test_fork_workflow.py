"""The workflow for a fork: what it may do, what it calls, and that its shell does what it says."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from scaffold.cli.main import VERBS
from scaffold.cli.options import Parser

ROOT = Path(__file__).parents[2]
FILE = ROOT / "templates" / "github" / "tilelang-kit.yml"


@cache
def workflow() -> dict[Any, Any]:
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def job() -> dict[str, Any]:
    [only] = workflow()["jobs"].values()
    assert isinstance(only, dict)
    return only


def steps() -> list[dict[str, Any]]:
    return list(job()["steps"])


def scripts() -> dict[str, str]:
    return {step["name"]: step["run"] for step in steps() if "run" in step}


def script(name: str) -> str:
    return scripts()[name]


def run_step(name: str, place: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A step's shell as GitHub runs it, with its two files in ``place``."""
    (place / "output").touch()
    (place / "summary").touch()
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    files = {"GITHUB_OUTPUT": str(place / "output"), "GITHUB_STEP_SUMMARY": str(place / "summary"), "PATH": programs}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(name)]
    return subprocess.run(
        command, env={**os.environ, **files, **env}, cwd=place, capture_output=True, text=True, check=False
    )


def test_it_runs_on_branches_and_by_hand_and_ends_its_elder() -> None:
    triggers = workflow()[True]  # YAML reads the key ``on`` as a truth
    assert set(triggers) == {"push", "workflow_dispatch"}
    assert triggers["push"] == {"branches-ignore": ["main"]}
    assert workflow()["concurrency"]["cancel-in-progress"] is True
    assert "inputs.branch || github.ref" in workflow()["concurrency"]["group"]
    assert job()["timeout-minutes"] <= 360
    assert job()["runs-on"] == "ubuntu-latest"


def test_it_may_read_and_nothing_else() -> None:
    assert workflow()["permissions"] == {}
    assert job()["permissions"] == {"contents": "read"}
    assert "secrets." not in FILE.read_text(encoding="utf-8")
    [checkout] = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["persist-credentials"] is False
    assert checkout["with"]["fetch-depth"] == 0


def test_actions_are_pinned_by_commit_with_their_version_beside() -> None:
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert len(lines) == len([step for step in steps() if "uses" in step])
    for line in lines:
        assert re.search(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("name", scripts())
def test_a_script_is_shell_and_no_expression_enters_it(name: str) -> None:
    assert "${{" not in script(name), "an expression is text that becomes part of the program: give it as a variable"
    checked = subprocess.run(["bash", "-n"], input=script(name), capture_output=True, text=True, check=False)
    assert checked.stderr == ""


def test_every_variable_a_script_reads_is_set() -> None:
    own = {"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"}
    for step in steps():
        read = set(re.findall(r"\$\{?([A-Z_]+)\b", step.get("run", "")))
        assert read <= {*own, *job()["env"], *step.get("env", {})}, step["name"]


def test_every_output_that_is_asked_for_is_written() -> None:
    written = {
        (step["id"], name)
        for step in steps()
        for name in re.findall(r'echo "(\w+)=.*GITHUB_OUTPUT', step.get("run", ""))
    } | {("python", "python-version"), ("kit", "outcome")}
    text = FILE.read_text(encoding="utf-8")
    asked = set(re.findall(r"steps\.(\w+)\.(?:outputs\.)?([\w-]+)", text))
    assert asked <= written


def commands() -> list[list[str]]:
    """Every command of the kit in the scripts, with variables and arrays as one word."""
    found = []
    for text in scripts().values():
        for line in re.sub(r"\\\n\s*", "", text).splitlines():
            _, kit, rest = line.partition("python -m scaffold ")
            if kit:
                words = shlex.split(rest.partition(" ||")[0], comments=True)
                found.append([word.replace("${kernels[@]}", "gemm") for word in words])
    return found


def test_the_verbs_it_calls_are_those_it_is_for() -> None:
    assert [words[0] for words in commands()] == ["builds", "builds", "tir-diff", "preflight"]


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words[:3]))
def test_every_verb_and_flag_it_uses_is_there(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Parsed(Exception):
        pass

    def stop(way: str) -> Callable[..., None]:
        parse = getattr(argparse.ArgumentParser, way)

        def one(parser: Parser, argv: list[str]) -> None:
            parse(parser, argv)
            raise Parsed

        return one

    for way in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(Parser, way, stop(way), raising=False)
    with pytest.raises(Parsed):
        importlib.import_module(VERBS[words[0]][0]).run(words[1:])


def git(at: Path, *words: str) -> str:
    identity = ["-c", "user.name=Jo", "-c", "user.email=jo@users.noreply.github.com"]
    command = ["git", "-C", str(at), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    """``tilelang``, a clone on a branch with two commits, of a repository ``upstream`` that went on meanwhile."""
    upstream, root = tmp_path / "upstream", tmp_path / "tilelang"
    git(tmp_path, "init", "-q", "-b", "main", str(upstream))
    git(upstream, "commit", "-q", "--allow-empty", "-m", "where it left")
    git(tmp_path, "clone", "-q", str(upstream), str(root))
    git(root, "switch", "-q", "-c", "fix/$(touch${IFS}owned)")
    for message in ("one", "two"):
        git(root, "commit", "-q", "--allow-empty", "-m", message)
    git(upstream, "commit", "-q", "--allow-empty", "-m", "since")
    return root


def find_base(fork: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    place = fork.parent
    upstream, reports = str(place / "upstream"), str(place / "reports")
    done = run_step(
        "Find where the branch left upstream", place, TILELANG=str(fork), UPSTREAM=upstream, REPORTS=reports
    )
    return done, dict(line.split("=", 1) for line in (place / "output").read_text().splitlines())


def test_the_base_is_where_the_branch_left(fork: Path) -> None:
    done, outputs = find_base(fork)
    assert done.returncode == 0, done.stderr
    assert outputs == {"sha": git(fork, "rev-parse", "HEAD~2"), "commits": "2"}
    assert not (fork.parent / "owned").exists()


def test_a_branch_without_commits_is_nothing_to_compare(fork: Path) -> None:
    git(fork, "switch", "-q", "-c", "same", "HEAD~2")
    done, outputs = find_base(fork)
    assert "nothing to compare" in done.stdout
    assert outputs["commits"] == "0"
    ones = [step for step in steps()[3:] if "steps.kit" not in step["if"] and "steps.preflight" not in step["if"]]
    assert all("steps.base.outputs.commits != '0'" in step["if"] for step in ones)


def test_a_kit_that_was_not_named_is_asked_for(tmp_path: Path) -> None:
    unset = re.findall(r"'(https?://[^']+)'", job()["env"]["KIT_REPOSITORY"])
    done = run_step("Install the kit", tmp_path, KIT_REPOSITORY=unset[0], KIT_REF="HEAD")
    assert done.returncode == 1
    assert "::error::say where the kit is: gh variable set KIT_REPOSITORY" in done.stdout


def fake_kit(place: Path, body: str) -> None:
    """A package ``scaffold`` whose main is ``body``; found before the real one, as the step runs in ``place``."""
    (place / "scaffold").mkdir()
    (place / "scaffold" / "__init__.py").touch()
    (place / "scaffold" / "__main__.py").write_text(f"import sys\nwords = sys.argv[1:]\n{body}\n")


LOWER = "Lower everything with both, and compare"


def test_comparing_makes_three_forms_of_one_comparison(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    fake_kit(tmp_path, "open(words[words.index('-o') + 1], 'w').write(' '.join(words))")
    env = {"REPORTS": str(tmp_path / "reports"), "TILELANG": "/t t", "BASE": "abc"}
    done = run_step(LOWER, tmp_path, KERNELS="gemm soft*", **env)
    assert done.returncode == 0, done.stderr
    for form in ("md", "html", "json"):
        said = (tmp_path / "reports" / f"corpus.{form}").read_text()
        assert said.startswith(
            "tir-diff --corpus gemm soft* --baseline build=git:abc --candidate build=worktree:/t t -o"
        )


@pytest.mark.parametrize(
    ("said", "code"), [("error[same-build]: both are one", 0), ("error[build-failed]: no", 1), ("Traceback", 1)]
)
def test_a_change_that_reaches_no_build_is_a_result_and_a_failure_is_none(tmp_path: Path, said: str, code: int) -> None:
    (tmp_path / "reports").mkdir()
    fake_kit(tmp_path, f"print({said!r}, file=sys.stderr); sys.exit(2)")
    done = run_step(LOWER, tmp_path, KERNELS="", REPORTS=str(tmp_path / "reports"), TILELANG="t", BASE="abc")
    assert done.returncode == code
    assert said in done.stdout
    assert (tmp_path / "reports" / "corpus.md").exists() == (code == 0)


@pytest.mark.parametrize("code", [0, 1, 3])
def test_what_preflight_said_is_known_after_the_reports_are_kept(tmp_path: Path, code: int) -> None:
    fake_kit(tmp_path, f"sys.exit({code})")
    done = run_step("Preflight", tmp_path, TILELANG="t", REPORTS=str(tmp_path))
    assert done.returncode == 0
    assert (tmp_path / "output").read_text() == f"code={code}\n"
    assert steps()[-1]["name"] == "What preflight said"
    assert run_step("What preflight said", tmp_path, CODE=str(code)).returncode == 1


def test_a_summary_holds_both_whole(tmp_path: Path) -> None:
    (tmp_path / "corpus.md").write_text("### corpus ünï\n")
    (tmp_path / "preflight.md").write_text("### preflight\n")
    assert run_step("Summary", tmp_path, REPORTS=str(tmp_path)).returncode == 0
    assert (tmp_path / "summary").read_text() == "### corpus ünï\n\n### preflight\n\n"


def test_a_summary_too_long_is_cut_and_says_so(tmp_path: Path) -> None:
    line = "ü" * 100 + "\n"
    (tmp_path / "corpus.md").write_text("<details>\n\n```\n" + line * 6_000 + "```\n</details>\n")
    assert run_step("Summary", tmp_path, REPORTS=str(tmp_path)).returncode == 0
    summary = (tmp_path / "summary").read_text()
    assert len(summary.encode()) < 1_048_576
    assert re.search(r"Cut: 4\d\d,\d{3} of 1,206,0\d\d bytes are shown", summary)
    assert (summary.count("```"), summary.count("</details>")) == (2, 1)
    assert "there is no preflight.md" in summary


def test_the_doc_installs_what_is_there() -> None:
    text = (ROOT / "docs" / "fork-ci.md").read_text(encoding="utf-8")
    assert "templates/github/tilelang-kit.yml" in text
    inputs = workflow()[True]["workflow_dispatch"]["inputs"]
    assert set(re.findall(r"-f (\w+)=", text)) <= set(inputs)
    assert f"{job()['timeout-minutes']} minutes" in text
