"""Every kind of pull request, made in a checkout of upstream's newest source archive, held against a real release."""

from __future__ import annotations

import collections
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from sources import git
from test_new_pr import needed
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.source.release_tree import ReleaseTrees
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import read_change
from scaffold.contribute.draft import find_draft
from scaffold.contribute.evidence.sides import Sides
from scaffold.contribute.evidence.testing import run_on_both
from scaffold.contribute.kinds import kinds
from scaffold.progress import Progress

_CHECKS = ("hooks", "syntax", "test-footer", "test-collects", "test-marks", "no-licence-header", "no-repro-at-root")
_NOT_IN_A_RELEASE = collections.defaultdict(
    lambda: "nothing may fail",
    {"backend": "No module named 'tilelang.tpu'", "feature-op": "has no attribute 'fold_casts_casts'"},
)
_SCRIPT = "maint/scripts/compare_perf_regression.py"
QUIET = Progress(verbosity=-1)


@pytest.fixture(scope="module")
def checkout(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone as a contributor has it; the archive has no history, so it gets one commit."""
    root = tmp_path_factory.mktemp("upstream") / "tilelang"
    tree = ReleaseTrees(workspace, QUIET).get("0.1.15").folder
    shutil.copytree(tree, root, symlinks=True, ignore=shutil.ignore_patterns("3rdparty", "build", ".git"))
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "[Release] Everything")
    git(root, "branch", "-M", "main")
    git(root, "remote", "add", "upstream", "https://github.com/tile-ai/tilelang.git")
    git(root, "update-ref", "refs/remotes/upstream/main", "HEAD")
    return root


@pytest.mark.network
@pytest.mark.parametrize("kind", [*kinds(), f"bugfix --script {_SCRIPT}"])
def test_what_a_kind_writes_passes_upstreams_hooks_and_runs(
    kind: str,
    checkout: Path,
    workspace: Workspace,
    newest: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind, *more = kind.split()
    git(checkout, "reset", "-q", "--hard")
    git(checkout, "clean", "-q", "-fd")
    git(checkout, "switch", "-q", "main")
    # All take one title: of two of one kind, the second finds the branch of the first.
    for branch in git(checkout, "branch", "--format=%(refname:short)").split():
        if branch != "main":
            git(checkout, "branch", "-q", "-D", branch)
    drafts = tmp_path / "drafts"
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(drafts))
    common = ("--checkout", str(checkout))
    assert (
        run_verb("new-pr", kind, *common, "--yes", "--json", "--title", "fold casts of casts", *(more or needed(kind)))
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    tests = [path for path, role in told["files"].items() if role == "test"]
    if tests:
        change = read_change(checkout, told["base_ref"])
        both = run_on_both(tests, change, Sides(newest, newest), workspace, QUIET, timeout_s=600)
        assert both.rows, "nothing was collected"
        failed = [row for row in both.rows if row.candidate == "failed"]
        # What a branch adds to TileLang is in no release: its tests fail for that reason, or say so and are skipped.
        assert all(_NOT_IN_A_RELEASE[kind] in row.reason for row in failed), failed
        assert both.ran or kind == "pass", both.rows
    repro = Path(told["draft"]) / "repro.py"
    if repro.is_file():
        done = subprocess.run([newest.python, repro], capture_output=True, text=True, check=False, cwd=checkout)
        assert (done.returncode, done.stdout.strip().splitlines()[-1][:18]) == (0, "does not reproduce"), done
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "--allow-empty", "-m", told["title"])
    draft = find_draft(Workspace(drafts), checkout, told["branch"])
    assert draft is not None
    if told["files"]:
        # The environments of upstream's hooks are shared by all kinds, and by every later run.
        monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(workspace.root))
        shutil.copytree(draft.folder, workspace.root / "contributions" / draft.folder.name, dirs_exist_ok=True)
        try:
            only = [word for name in _CHECKS for word in ("--only", name)]
            run_verb("preflight", *common, *only, "--json")
        finally:
            shutil.rmtree(workspace.root / "contributions" / draft.folder.name)
        checks = {row["id"]: row for row in json.loads(capsys.readouterr().out)["checks"]}
        assert checks["hooks"]["word"] == "passed", checks["hooks"]
        assert not [row for row in checks.values() if row["word"] == "failed"]
