"""Merged pull requests, replayed with the kit: ``python benchmarks/replays.py --mirror ../tilelang``.

For each of ``replays.toml``: a clone at the commit's parent, the commit on a branch, and then ``new-pr --adopt``,
``evidence`` and ``preflight`` on it, as whoever wrote it would have run them. Writes one JSON of what they said beside
what the pull request said, and prints a table. Builds are those of the workspace, ``git:PARENT`` and ``git:COMMIT``;
what is not there is compiled. The drafts are named ``replay-…`` and are made anew each time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from scaffold.builds.workspace import Workspace

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

UPSTREAM = "https://github.com/tile-ai/tilelang.git"
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Replay:
    """One merged change, and what a contributor would have told the kit of it."""

    name: str
    kind: str
    pr: int
    title: str
    sha: str
    said: str
    issue: int = 0
    topic: str = ""
    backend: str = ""
    program: str = ""
    reserve: bool = False
    kernels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @property
    def branch(self) -> str:
        return f"replay/{self.name}"

    def telling(self, program: Path) -> list[str]:
        """The command line of ``new-pr``."""
        words = [self.kind, "--adopt", "--yes", "--title", self.title]
        for flag, value in (("issue", self.issue), ("topic", self.topic), ("backend", self.backend)):
            words += [f"--{flag}", str(value)] if value else []
        for kernel in self.kernels:
            words += ["--kernel", f"{program}::main" if kernel == "program" else kernel]
        for target in self.targets:
            words += ["--target", target]
        return words


def main() -> None:
    arguments = _arguments()
    workspace = Workspace.at(arguments.workspace)
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="replays-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    mirror = _local(arguments.mirror, folder)
    results = []
    for replay in read_replays(HERE / "replays.toml"):
        if replay.name in arguments.only or not (arguments.only or replay.reserve):
            print(f"{replay.name} …", file=sys.stderr, flush=True)
            results.append(_replay(replay, mirror, folder, workspace, arguments.compile == replay.name))
            Path(arguments.output).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    _tell(results)
    if not arguments.folder:
        shutil.rmtree(folder)


def read_replays(path: Path) -> list[Replay]:
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8"))["replay"], list[Replay])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirror", default=UPSTREAM, metavar="URL", help="or a clone on this machine")
    parser.add_argument("--workspace")
    parser.add_argument("--folder", metavar="DIR", help="keep the clones and the terminal's output there")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--compile", metavar="NAME", help="take the checkout of this one as the candidate, not git:SHA")
    parser.add_argument("-o", "--output", default="replays.json", metavar="FILE")
    return parser.parse_args()


def _local(mirror: str, folder: Path) -> Path:
    """Clone it once where it is elsewhere."""
    if Path(mirror).is_dir():
        return Path(mirror).resolve()
    local = folder / "mirror.git"
    if not local.is_dir():
        subprocess.run(["git", "clone", "--quiet", "--bare", mirror, str(local)], check=True)
    return local


def _replay(replay: Replay, mirror: Path, folder: Path, workspace: Workspace, from_checkout: bool) -> dict[str, Any]:
    checkout = _clone(replay, mirror, folder / replay.name)
    program = folder / f"{replay.name}.py"
    program.write_text(replay.program)
    shutil.rmtree(workspace.root / "contributions" / replay.branch.replace("/", "-"), ignore_errors=True)
    common = ["--checkout", str(checkout), "--workspace", str(workspace.root)]
    candidate = [] if from_checkout else ["--candidate", f"git:{replay.sha[:9]}"]
    seconds = {}
    said = {}
    for verb, words in (("new-pr", replay.telling(program)), ("evidence", candidate), ("preflight", [])):
        begun = time.perf_counter()
        said[verb] = _ask([verb, *words, *common])
        seconds[verb] = round(time.perf_counter() - begun, 1)
        if verb != "new-pr":  # what is up to date is only shown
            (folder / f"{replay.name}.{verb}.txt").write_text(_shown([verb, *words, *common]))
    draft = Path(said["new-pr"].get("draft", ""))
    return {
        "name": replay.name,
        "kind": replay.kind,
        "pr": replay.pr,
        "title": replay.title,
        "commit": replay.sha,
        "pr_said": replay.said,
        "steps": {step["step"]: step["verdict"] or f"not run: {step['not_run']}" for step in said["evidence"]["steps"]}
        if "steps" in said["evidence"]
        else said["evidence"],
        "impact": said["evidence"].get("impact", []),
        "preflight": {
            check["id"]: {key: check[key] for key in ("word", "message", "places")}
            for check in said["preflight"].get("checks", [])
            if check["word"] in ("failed", "warned", "unknown")
        },
        "passed": [check["id"] for check in said["preflight"].get("checks", []) if check["word"] == "passed"],
        "seconds": seconds,
        "body": (draft / "body.md").read_text(encoding="utf-8") if (draft / "body.md").is_file() else "",
    }


def _clone(replay: Replay, mirror: Path, checkout: Path) -> Path:
    """Make a clone that knows of upstream's main what the author knew, with the change on a branch."""
    shutil.rmtree(checkout, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(mirror), str(checkout)], check=True)

    def git(*words: str) -> None:
        names = ["-c", "user.name=Replay", "-c", "user.email=replay@example.org", "-c", "advice.detachedHead=false"]
        subprocess.run(["git", *names, *words], cwd=checkout, check=True, stdout=subprocess.DEVNULL)

    git("remote", "add", "upstream", UPSTREAM)
    git("update-ref", "refs/remotes/upstream/main", f"{replay.sha}^")
    git("switch", "--quiet", "--force-create", replay.branch, f"{replay.sha}^")
    git("cherry-pick", replay.sha)
    return checkout


def _ask(words: list[str]) -> dict[str, Any]:
    """What the verb says as JSON; its error where it gave none."""
    finished = subprocess.run([sys.executable, "-m", "scaffold", *words, "--json"], capture_output=True, text=True)
    try:
        answer: dict[str, Any] = json.loads(finished.stdout)
    except ValueError:
        return {"error": finished.stderr.strip(), "exit_code": finished.returncode}
    return answer


def _shown(words: list[str]) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "scaffold", *words, "--quiet"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "120"},
    )
    return finished.stdout + finished.stderr


def _tell(results: list[dict[str, Any]]) -> None:
    for result in results:
        print(f"\n{result['name']}  {result['kind']}  #{result['pr']}  {sum(result['seconds'].values()):.0f} s")
        print(f"  the pull request: {result['pr_said']}")
        for step, told in result["steps"].items():
            print(f"  {step}: {told}")
        for word in ("failed", "warned", "unknown"):
            found = [check for check, told in result["preflight"].items() if told["word"] == word]
            print(f"  preflight {word}: {', '.join(found)}" if found else f"  preflight {word}: none")


if __name__ == "__main__":
    main()
