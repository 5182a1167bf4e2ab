"""``open-pr`` with real Git repositories, a bare fork, and a ``gh`` that notes what it is told."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from schemas import validated

from scaffold.cli.main import main
from scaffold.contribute.draft import Draft, read_draft, write_draft
from scaffold.contribute.forks import owner_of
from scaffold.contribute.kinds import kinds
from scaffold.contribute.opening import read_preflight, write_preflight
from scaffold.contribute.titles import LONGEST_TITLE

#: Everything a shell, an option parser or a URL could trip over.
NASTY = """[BugFix] "It's" `id` $(touch owned) ; & | \\ -x --body=no #1 %20 ünïcode ?a=b"""
GIT = shutil.which("git") or "git"
TOKEN = "ghp_" + "aB3dE5gH7jK9" * 3
GH = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "auth":
    sys.exit({auth})
sys.stdout.write({stdout!r})
sys.stderr.write({stderr!r})
sys.exit({code})
"""


@dataclass(frozen=True)
class Place:
    """A checkout on a branch with one commit, its draft, a bare fork under a GitHub URL, and a folder for ``gh``."""

    root: Path
    fork: Path
    workspace: Path
    draft: Draft
    programs: Path

    def git(self, *words: str, at: Path | None = None) -> str:
        command = ["git", "-C", str(at or self.root), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def pushed(self) -> str:
        """The commit of the branch in the fork; empty where there is none."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{self.draft.branch}", at=self.fork)

    def add_gh(self, *, auth: int = 0, code: int = 0, stdout: str = "", stderr: str = "") -> None:
        log = str(self.programs / "log")
        text = GH.format(python=sys.executable, log=log, auth=auth, code=code, stdout=stdout, stderr=stderr)
        (self.programs / "gh").write_text(text)
        (self.programs / "gh").chmod(0o755)

    def told_gh(self) -> list[list[str]]:
        log = self.programs / "log"
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [call for call in calls if call[0] != "auth"]

    def commit(self, path: str, text: str, message: str = "Sum short fragments") -> str:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.git("add", path)
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Everything as a contributor has it on the day of the pull request."""
    for key, value in {
        **dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), "/dev/null"),
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Jo"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "jo@users.noreply.github.com"),
    }.items():
        monkeypatch.setenv(key, value)
    programs, root, fork = tmp_path / "programs", tmp_path / "my tilelang", tmp_path / "fork.git"
    programs.mkdir()
    (programs / "git").symlink_to(GIT)
    monkeypatch.setenv("PATH", str(programs))
    draft = Draft(
        folder=tmp_path / "workspace" / "contributions" / "fix-short-fragment",
        kind=next(iter(kinds())),
        title="[BugFix][Reduce] Sum a fragment shorter than the block",
        checkout=root,
        branch="fix/short-fragment",
        base_ref="upstream/main",
    )
    here = Place(root, fork, tmp_path / "workspace", draft, programs)
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    subprocess.run(["git", "init", "-q", "--bare", str(fork)], check=True)
    for path in ("CMakeLists.txt", "tilelang/__init__.py", "src/op.cc"):
        here.commit(path, "// as it was\n", "Begin")
    here.git("remote", "add", "upstream", "https://github.com/tile-ai/tilelang.git")
    here.git("remote", "add", "fork", "https://jo:hunter2@github.com/jo/tilelang.git")
    here.git("config", f"url.{fork}.insteadOf", "https://jo:hunter2@github.com/jo/tilelang.git")
    here.git("update-ref", "refs/remotes/upstream/main", "HEAD")
    here.git("switch", "-q", "-c", draft.branch)
    here.commit("src/op.cc", "// mended\n")
    write_draft(draft)
    draft.body.write_text(f"## Summary\n\nIt sums.\n\nRun in {root} with HF_TOKEN={TOKEN}\n")
    monkeypatch.chdir(root)
    return here


def run(place: Place, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["open-pr", *words, "--workspace", str(place.workspace)])
    said = capsys.readouterr()
    return code, said.out, said.err


def retitle(place: Place, title: str) -> None:
    write_draft(replace(read_draft(place.draft.folder), title=title))


def test_it_is_shown_and_nothing_is_sent(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add_gh()
    code, out, _ = run(place, capsys=capsys)
    assert code == 0
    assert "~ [BugFix][Reduce] Sum a fragment shorter than the block" in out
    assert "from jo:fix/short-fragment to main of tile-ai/tilelang, as a draft" in out
    assert "M src/op.cc" in out
    assert "fix/short-fragment is not there yet" in out
    assert "preflight was not run on this branch" in out
    assert out.rstrip().endswith("open-pr --workspace " + shlex.quote(str(place.workspace)) + " --push")
    assert place.pushed() == ""
    assert place.told_gh() == []
    assert not (place.draft.folder / "body-as-posted.md").exists()


def test_what_tells_of_the_machine_is_not_in_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = run(place, capsys=capsys)
    assert "Run in $TILELANG with HF_TOKEN=<token>" in out
    for secret in (TOKEN, "hunter2"):
        assert secret not in out + err
    assert "GitHub token: 1 taken out" in out


def test_push_opens_a_draft(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add_gh(stdout="https://github.com/tile-ai/tilelang/pull/4711\n")
    code, out, _ = run(place, "--push", capsys=capsys)
    assert code == 0
    assert place.pushed() == place.git("rev-parse", "HEAD")
    body = place.draft.folder / "body-as-posted.md"
    assert place.told_gh() == [
        [
            *("pr", "create", "--draft", "--repo=tile-ai/tilelang", "--base=main", "--head=jo:fix/short-fragment"),
            "--title=[BugFix][Reduce] Sum a fragment shorter than the block",
            f"--body-file={body}",
        ]
    ]
    assert "HF_TOKEN=<token>" in body.read_text()
    assert TOKEN in place.draft.body.read_text(), "the draft itself stays as it was"
    assert "a draft is open: https://github.com/tile-ai/tilelang/pull/4711" in out
    assert "for pull requests that are no draft" in out
    assert out.rstrip().endswith("next: gh pr ready https://github.com/tile-ai/tilelang/pull/4711")
    assert "branch.fix/short-fragment" not in place.git("config", "--list"), "the checkout is as it was"


@pytest.mark.parametrize("title", [NASTY, "--web", "-t x", "two\nlines"])
def test_a_title_is_one_argument_whatever_it_holds(
    place: Place, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place.add_gh(stdout="https://github.com/tile-ai/tilelang/pull/1\n")
    retitle(place, title)
    assert run(place, "--push", capsys=capsys)[0] == 0
    [call] = place.told_gh()
    assert call[6] == f"--title={' '.join(title.split())}"
    assert len(call) == 8
    assert not (place.root / "owned").exists()


def test_without_gh_the_branch_is_pushed_and_the_rest_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    retitle(place, NASTY)
    (place.draft.evidence / "tir").mkdir(parents=True)
    (place.draft.evidence / "tir" / "verdict.png").write_bytes(b"x" * 4000)
    code, out, _ = run(place, "--push", capsys=capsys)
    assert code == 0
    assert place.pushed() == place.git("rev-parse", "HEAD")
    assert "gh is not installed" in out
    url = next(word for word in out.split() if word.startswith("https://github.com/tile-ai/tilelang/compare/"))
    parts = urlsplit(url)
    assert parts.path.endswith("/compare/main...jo:fix/short-fragment")
    assert parse_qs(parts.query) == {"expand": ["1"], "title": [NASTY]}
    assert "verdict.png (4 KB)" in out
    command = shlex.split(out.rpartition("next: with gh it is ")[2])
    assert f"--title={NASTY}" in command


def test_not_logged_in_is_as_without_gh(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add_gh(auth=1)
    code, out, _ = run(place, "--push", capsys=capsys)
    assert code == 0
    assert "gh is not logged in" in out
    assert place.told_gh() == []


def test_one_that_is_there_is_left_as_it_is(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add_gh(
        code=1,
        stderr='a pull request for branch "jo:fix/short-fragment" into branch "main" already exists:\n'
        "https://github.com/tile-ai/tilelang/pull/99\n",
    )
    code, out, _ = run(place, "--push", capsys=capsys)
    assert code == 0
    assert "was there already: https://github.com/tile-ai/tilelang/pull/99" in out
    body = place.draft.folder / "body-as-posted.md"
    assert shlex.split(out.rpartition("next: ")[2]) == [
        *("gh", "pr", "edit", "https://github.com/tile-ai/tilelang/pull/99", f"--body-file={body}")
    ]
    assert [call[:2] for call in place.told_gh()] == [["pr", "create"]]


def test_what_gh_refuses_is_told_without_secrets(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add_gh(code=1, stderr=f"GraphQL: must be a collaborator {TOKEN}\n")
    code, _, err = run(place, "--push", capsys=capsys)
    assert code == 3
    assert "the branch is pushed, but gh could not open the pull request" in err
    assert "must be a collaborator <token>" in err
    assert "hint: open it by hand: https://github.com/tile-ai/tilelang/compare/main...jo:fix/short-fragment" in err


def failed_preflight(place: Place, head: str) -> None:
    write_preflight(place.draft, head, ["title", "lint"])
    assert read_preflight(place.draft).failed == ("lint", "title")


def test_failed_checks_of_this_commit_stop_a_push(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add_gh(stdout="https://github.com/tile-ai/tilelang/pull/1\n")
    failed_preflight(place, place.git("rev-parse", "HEAD"))
    code, out, _ = run(place, capsys=capsys)
    assert code == 0
    assert "! 2 failed: lint, title" in out
    assert out.rstrip().endswith(f"next: python -m scaffold preflight --checkout {shlex.quote(str(place.root))}")
    code, _, err = run(place, "--push", capsys=capsys)
    assert (code, place.pushed()) == (2, "")
    assert "not pushed, as checks fail on this commit: lint, title" in err
    assert run(place, "--push", "--although-checks-fail", capsys=capsys)[0] == 0
    assert place.pushed()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        '{"schema_version": 2}',
        '{"schema_version": 1, "head": "0123456789abcdef", "failed": ["x"]}',
    ],
)
def test_a_preflight_of_another_time_stops_nothing(place: Place, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (place.draft.folder / "preflight.json").write_text(text)
    _, out, _ = run(place, capsys=capsys)
    assert "preflight was not run on this" in out
    assert run(place, "--push", capsys=capsys)[0] == 0


def test_a_token_in_a_commit_is_not_pushed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    sha = place.commit("src/login.py", f"token = '{TOKEN}'\n")
    place.commit("src/login.py", "token = ask()\n", "Ask for it")
    code, _, err = run(place, "--push", capsys=capsys)
    assert (code, place.pushed()) == (2, "")
    assert f"commit {sha[:12]} holds a GitHub token" in err
    assert TOKEN not in err
    assert "take it out of every commit" in err
    assert run(place, "--push", "--although-checks-fail", capsys=capsys)[0] == 2
    assert place.pushed() == ""
    assert "next: take the credential out of every commit: git rebase -i upstream/main" in run(place, capsys=capsys)[1]


def test_what_is_still_to_be_written_stops_a_push(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.draft.body.write_text("## Summary\n\n<!-- write: what was wrong -->\n")
    assert "next: write what is missing in " in run(place, capsys=capsys)[1]
    code, _, err = run(place, "--push", capsys=capsys)
    assert (code, place.pushed()) == (2, "")
    assert "still to be written in the description: what was wrong" in err
    assert run(place, "--push", "--although-checks-fail", capsys=capsys)[0] == 0
    assert place.pushed()


def test_pictures_that_evidence_drew_are_named(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.draft.folder / "images").mkdir()
    (place.draft.folder / "images" / "bench.png").write_bytes(b"x" * 9000)
    (place.draft.folder / "images" / "notes.txt").write_text("no picture")
    _, out, _ = run(place, capsys=capsys)
    assert "images/bench.png (9 KB)" in out
    assert "notes.txt" not in out


def test_uncommitted_work_is_said_to_be_left_out(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.root / "src" / "op.cc").write_text("// more\n")
    (place.root / "new.txt").write_text("new\n")
    _, out, _ = run(place, capsys=capsys)
    assert "! in no commit, so not in it: src/op.cc, new.txt" in out
    assert "A new.txt" not in out


def test_a_branch_without_a_commit_has_nothing_to_open(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("reset", "-q", "--soft", "HEAD~")
    code, _, err = run(place, capsys=capsys)
    assert code == 2
    assert "has no commit that upstream/main does not have; 1 changed file is in no commit" in err
    assert "git commit" in err


def test_a_detached_head_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("switch", "-q", "--detach")
    code, _, err = run(place, capsys=capsys)
    assert code == 2
    assert "detached" in err
    assert "git switch" in err


def test_a_branch_without_a_draft_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("switch", "-q", "-c", "other")
    code, _, err = run(place, capsys=capsys)
    assert code == 2
    assert "the branch other has no draft" in err


def test_without_a_fork_it_is_shown_with_what_to_type(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("remote", "remove", "fork")
    code, out, _ = run(place, capsys=capsys)
    assert code == 0
    assert "from YOU:fix/short-fragment to main of tile-ai/tilelang" in out
    assert "! no remote here is your fork: git remote add fork https://github.com/YOU/tilelang, or " in out
    assert "--user NAME" in out
    assert "pushed to your fork, once there is one" in out
    assert out.rstrip().endswith("next: git remote add fork https://github.com/YOU/tilelang")
    document = json.loads(run(place, "--json", capsys=capsys)[1])
    assert (document["head"], document["compare_url"], document["remote"]) == (None, None, None)


def test_a_user_without_a_fork_here_gives_the_address(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("remote", "remove", "fork")
    document = json.loads(run(place, "--json", "--user", "jo", capsys=capsys)[1])
    assert document["head"] == "jo:fix/short-fragment"
    assert "/compare/main...jo:fix/short-fragment?" in document["compare_url"]
    out = run(place, "--user", "jo", capsys=capsys)[1]
    assert "from jo:fix/short-fragment" in out
    assert "! no remote here is your fork: git remote add fork https://github.com/jo/tilelang\n" in out


def test_without_a_fork_nothing_is_pushed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("remote", "remove", "fork")
    code, _, err = run(place, "--push", "--user", "jo", capsys=capsys)
    assert code == 3
    assert "no remote that is a fork of tile-ai/tilelang" in err
    assert "gh repo fork" in err
    assert "git remote add fork" in err


@pytest.mark.parametrize("url", ["/srv/git/tilelang.git", "https://git.corp.example/mirrors/tilelang"])
def test_a_copy_of_upstream_is_no_fork(place: Place, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("remote", "remove", "fork")
    place.git("remote", "set-url", "upstream", url)
    code, out, _ = run(place, capsys=capsys)
    assert code == 0
    assert "from YOU:fix/short-fragment" in out
    assert run(place, "--push", "--user", "jo", capsys=capsys)[0] == 3
    code, _, err = run(place, "--push", "--user", "jo", "--remote", "upstream", capsys=capsys)
    assert code == 2
    assert "to which nothing is pushed" in err
    assert "--remote NAME" in err


def test_of_several_forks_one_must_be_named(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("remote", "add", "work", "git@github.com:corp/tilelang.git")
    code, _, err = run(place, capsys=capsys)
    assert code == 2
    assert "fork (https://github.com/jo/tilelang.git), work (git@github.com:corp/tilelang.git)" in err
    assert "hunter2" not in err
    assert "from corp:fix/short-fragment" in run(place, "--remote", "work", capsys=capsys)[1]
    place.git("config", "remote.pushDefault", "fork")
    assert "from jo:fix/short-fragment" in run(place, capsys=capsys)[1]


def test_upstream_is_never_pushed_to(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(place, "--remote", "upstream", "--push", capsys=capsys)
    assert code == 2
    assert "upstream is tile-ai/tilelang itself" in err
    place.git("remote", "set-url", "--add", "--push", "fork", "https://github.com/jo/tilelang.git")
    place.git("remote", "set-url", "--add", "--push", "fork", "git@github.com:tile-ai/TileLang")
    assert run(place, "--remote", "fork", "--push", capsys=capsys)[0] == 2
    assert "--remote nobody" not in run(place, "--remote", "nobody", capsys=capsys)[2]


def test_nothing_is_forced(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "--push", capsys=capsys)[0] == 0
    there = place.pushed()
    place.git("commit", "-q", "--amend", "-m", "Said otherwise")
    code, _, err = run(place, "--push", capsys=capsys)
    assert (code, place.pushed()) == (2, there)
    assert "has commits of fix/short-fragment that are not here" in err
    assert "--force-with-lease" in err


def test_only_this_branch_is_pushed_whatever_is_set(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("tag", "-a", "-m", "x", "mine")
    place.git("config", "push.followTags", "true")
    place.git("config", "push.default", "matching")
    assert run(place, "--push", capsys=capsys)[0] == 0
    assert place.git("for-each-ref", "--format=%(refname)", at=place.fork) == "refs/heads/fix/short-fragment"
    assert "it has them all" in run(place, capsys=capsys)[1]


def test_a_fork_that_cannot_be_reached_is_told_without_its_password(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.git("config", "--unset", f"url.{place.fork}.insteadOf")
    place.git("config", f"url.{place.root}/nowhere.insteadOf", "https://jo:hunter2@github.com/jo/tilelang.git")
    code, out, err = run(place, "--push", "-v", capsys=capsys)
    assert code == 3
    assert "takes nothing from you" in err
    assert "hunter2" not in out + err
    assert "git push fork fix/short-fragment" in err


def test_no_network_is_told_as_that(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("config", "--unset", f"url.{place.fork}.insteadOf")
    (place.programs / "git").unlink()
    refusal = "fatal: unable to access 'https://jo:hunter2@github.com/': Could not resolve host: github.com"
    (place.programs / "git").write_text(
        f'#!/bin/sh\nfor word in "$@"; do [ "$word" = push ] && {{ echo "{refusal}" >&2; exit 128; }}; done\n'
        f'exec {shlex.quote(GIT)} "$@"\n'
    )
    (place.programs / "git").chmod(0o755)
    code, _, err = run(place, "--push", capsys=capsys)
    assert code == 3
    assert "fork (https://github.com/jo/tilelang.git) cannot be reached" in err
    assert "hunter2" not in err


def test_a_fork_whose_url_names_nobody_needs_a_user(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("remote", "set-url", "fork", str(place.fork))
    out = run(place, capsys=capsys)[1]
    assert "from YOU:fix/short-fragment to main" in out
    assert "does not say whose fork it is: --user NAME, or git remote set-url fork https://github.com/YOU/" in out
    assert out.rstrip().endswith("--user YOU --push")
    document = json.loads(run(place, "--json", capsys=capsys)[1])
    assert (document["head"], document["compare_url"]) == (None, None)
    code, _, err = run(place, "--push", capsys=capsys)
    assert (code, place.pushed()) == (2, "")
    assert "--user NAME" in err
    code, out, _ = run(place, "--push", "--user", "jo", capsys=capsys)
    assert code == 0
    assert "main...jo:fix/short-fragment" in out


def test_a_description_beyond_the_limit_is_cut_and_said(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.draft.body.write_text("<!-- write: why -->\n" + "word " * 20_000)
    code, out, _ = run(place, "--json", capsys=capsys)
    document = validated(out, "open-pr")
    assert code == 0
    assert "still to be written in the description:\n    why\n" in run(place, capsys=capsys)[1]
    assert len(document["body"]) <= 65_536
    assert document["cut"]
    assert document["unwritten"] == ["why"]


@pytest.mark.parametrize("title", ["", "[]", "x" * (LONGEST_TITLE + 1)])
def test_a_title_github_would_refuse_is_refused_here(
    place: Place, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    retitle(place, title)
    code, _, err = run(place, capsys=capsys)
    assert code == 2
    assert "title" in err


def test_a_title_that_fills_the_address_is_left_out_of_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    retitle(place, "語" * LONGEST_TITLE)
    url = json.loads(run(place, "--json", capsys=capsys)[1])["compare_url"]
    assert url.endswith("?expand=1")


def test_a_renamed_fork_is_named_whole(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.git("remote", "set-url", "fork", "git@github.com:jo/tl-fork.git")
    document = json.loads(run(place, "--json", capsys=capsys)[1])
    assert "/compare/main...jo:tl-fork:fix/short-fragment?" in document["compare_url"]
    assert (document["head"], document["pushed"], document["url"]) == ("jo:fix/short-fragment", False, None)


def test_json_holds_what_came_of_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add_gh(stdout="https://github.com/tile-ai/tilelang/pull/5\n")
    document = validated(run(place, "--push", "--json", capsys=capsys)[1], "open-pr")
    assert (document["pushed"], document["url"]) == (True, "https://github.com/tile-ai/tilelang/pull/5")
    assert document["files"] == {"src/op.cc": "M"}


def test_what_a_terminal_would_obey_is_not_printed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.commit("src/op.cc", "// again\n", "Sum \x1b]0;owned\x07 it")
    _, out, _ = run(place, capsys=capsys)
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize(
    ("url", "owner"),
    [
        ("https://github.com/jo/tilelang.git", ("jo", "tilelang")),
        ("https://github.com/jo/tilelang/", ("jo", "tilelang")),
        (f"https://{TOKEN}@github.com/jo/tilelang", ("jo", "tilelang")),
        ("https://jo:pass@github.com/jo-2/tile.lang.git", ("jo-2", "tile.lang")),
        ("git@github.com:jo/tilelang.git", ("jo", "tilelang")),
        ("github-work:jo/tilelang", ("jo", "tilelang")),
        ("ssh://git@github.com:22/jo/tilelang.git", ("jo", "tilelang")),
        ("git+ssh://git@github.com/jo/tilelang", ("jo", "tilelang")),
        ("/srv/git/tilelang.git", ("", "")),
        ("../tilelang", ("", "")),
        ("C:/git/tilelang", ("", "")),
        ("file:///srv/git/tilelang.git", ("", "")),
    ],
)
def test_the_owner_is_read_from_any_form_of_url(url: str, owner: tuple[str, str]) -> None:
    assert owner_of(url) == owner
