"""Run upstream's hooks with the versions it pins, on a scratch copy of the change."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from scaffold.builds.source.git import git
from scaffold.contribute.preflight.hooks.config import CONFIG, derive, read_config, remote_repositories
from scaffold.contribute.preflight.hooks.output import HookResult, changed_places, parse_output
from scaffold.contribute.preflight.model import Facts, ToolResult
from scaffold.contribute.preflight.reading import is_folder
from scaffold.contribute.scratch import scratch_copy
from scaffold.errors import EnvironmentProblem
from scaffold.files import write_atomically

#: To ask a Git host, in seconds; how long its answer is believed.
_ASK_S = 5.0
_BELIEVED_S = {True: 7 * 24 * 3600.0, False: 3600.0}
_RUN_S = 1800.0
#: What pre-commit prints and returns where it fails itself, and not a hook.
_OWN_FAULT = 3
_OWN_FAULTS = ("An error has occurred", "An unexpected error has occurred")


@dataclass(frozen=True)
class HookRun:
    """What hooks said, and what they would rewrite.

    Attributes
    ----------
    way
        Where the hooks came from, in words.
    rewritten
        Path -> the file before and after, of those in the change.
    places
        ``path:line: now -> then`` of what they rewrote.
    unknown
        Hooks that were not run, with the reason.
    """

    way: str
    hooks: tuple[HookResult, ...]
    rewritten: Mapping[str, tuple[bytes, bytes]]
    places: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def failed(self) -> tuple[HookResult, ...]:
        return tuple(hook for hook in self.hooks if hook.word == "Failed")


def files_to_check(facts: Facts) -> tuple[str, ...]:
    """Changed and untracked files; no submodules."""
    files = (file for file in facts.change.files if not file.gone and not is_folder(facts.change, file))
    return tuple(file.path for file in files if (facts.change.root / file.path).exists() or _is_link(facts, file.path))


def _is_link(facts: Facts, path: str) -> bool:
    return (facts.change.root / path).is_symlink()


def run_hooks(facts: Facts) -> HookRun:
    """Run every hook of the checkout's configuration on the change; the checkout is not written to.

    Raises
    ------
    EnvironmentProblem
        If pre-commit cannot install or run them.
    """
    config = read_config(facts.change.root)
    if config is None:
        raise EnvironmentProblem(f"{CONFIG} cannot be read", hint="mend it, or take upstream's")
    paths = files_to_check(facts)
    with scratch_copy(facts.change, facts.tools / "scratch") as folder:
        kept = {path: (folder / path).read_bytes() for path in paths if _is_plain(folder / path)}
        own, unknown = folder / CONFIG, tuple[str, ...]()
        if _git_host_answers(facts, remote_repositories(config)):
            done = _pre_commit(facts, own, paths, folder)
            way = "from their own repositories, as CI does"
            if not _went_wrong(done):
                return _result(way, done, folder, kept, unknown)
            _remember(facts, answers=False)
        derived = derive(config)
        written = folder.parent / "from-packages.yaml"
        written.write_text(yaml.safe_dump(dict(derived.config), sort_keys=False), encoding="utf-8")
        done = _pre_commit(facts, written, paths, folder)
        if _went_wrong(done):
            raise EnvironmentProblem(f"pre-commit cannot run upstream's hooks: {_reason(done)}", hint=_hint(done))
        way = f"from PyPI, the versions CI pins: {', '.join(derived.sources)}"
        return _result(way, done, folder, kept, derived.unknown)


def _result(way: str, done: ToolResult, folder: Path, kept: Mapping[str, bytes], unknown: tuple[str, ...]) -> HookRun:
    after = {path: (folder / path).read_bytes() for path in kept if _is_plain(folder / path)}
    rewritten = {path: (kept[path], after[path]) for path in after if after[path] != kept[path]}
    diff = git("-c", "core.quotePath=false", "diff", "-U0", "--no-color", "--no-ext-diff", "--text", at=folder)
    return HookRun(way, parse_output(done.output), rewritten, tuple(changed_places(diff)), unknown)


def _pre_commit(facts: Facts, config: Path, paths: tuple[str, ...], folder: Path) -> ToolResult:
    env = {
        "PRE_COMMIT_HOME": str(facts.tools / "pre-commit"),
        "RUFF_OUTPUT_FORMAT": "concise",
        "RUFF_NO_CACHE": "true",
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
    }
    command = [
        sys.executable,
        "-m",
        "pre_commit",
        "run",
        "--config",
        str(config),
        "--color",
        "never",
        "--files",
        *paths,
    ]
    with _alone(facts):
        return facts.run(command, env, at=folder, timeout_s=_RUN_S)


@contextmanager
def _alone(facts: Facts) -> Iterator[None]:
    """Keep two runs from installing into one place at a time."""
    from filelock import FileLock

    facts.tools.mkdir(parents=True, exist_ok=True)
    with FileLock(facts.tools / "pre-commit.lock"):
        yield


def _went_wrong(done: ToolResult) -> bool:
    return bool(done.missing) or done.code == _OWN_FAULT or any(line in done.output for line in _OWN_FAULTS)


def _reason(done: ToolResult) -> str:
    if done.missing:
        return done.missing
    if "No module named pre_commit" in done.output:
        return "it is not installed"
    lines = [line.strip() for line in done.output.splitlines() if line.strip()]
    marks = ("ERROR", "error:", "fatal:", "InvalidConfigError", "RuntimeError", "=====> ")
    told = [line for line in lines if any(mark in line for mark in marks)]
    return (told or lines or ["it gave no reason"])[-1][:300]


def _hint(done: ToolResult) -> str:
    if "No module named pre_commit" in done.output:
        return "pip install pre-commit, into the kit's environment"
    return "the first run needs a package index: check the network and pip's own settings (python -m pip config list)"


def _git_host_answers(facts: Facts, urls: tuple[str, ...]) -> bool:
    """Whether the hooks can be cloned: asked once, in little time, and remembered."""
    if not urls:
        return False
    try:
        known = json.loads(_memory(facts).read_bytes())
        answers, at = bool(known["answers"]), float(known["at"])
        if time.time() - at < _BELIEVED_S[answers]:
            return answers
    except (OSError, ValueError, KeyError, TypeError):
        pass
    done = facts.run(
        ["git", "ls-remote", "--exit-code", urls[0], "HEAD"], {"GIT_TERMINAL_PROMPT": "0"}, timeout_s=_ASK_S
    )
    answers = not done.missing and done.code == 0
    _remember(facts, answers=answers)
    return answers


def _remember(facts: Facts, *, answers: bool) -> None:
    write_atomically(_memory(facts), json.dumps({"answers": answers, "at": time.time()}).encode())


def _memory(facts: Facts) -> Path:
    return facts.tools / "git-host.json"


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
