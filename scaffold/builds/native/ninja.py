"""Run Ninja: how far it is, how long it still takes, and what the first error was."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scaffold.builds.process import Finished, run_logged
from scaffold.errors import BuildFailedError
from scaffold.progress import Progress

_STEP = re.compile(r"\[(\d+)/(\d+)\]")
#: Lines of output without a terminal: one each so many seconds.
_SAY_EVERY_S = 30.0
_CONTEXT_LINES = 6

#: ``file:line:column: error: text`` of GCC, Clang and nvcc's host compiler; ``fatal error`` too.
_COMPILER_ERROR = re.compile(r"^(?P<place>[^\s:][^:]*:\d+(?::\d+)?): (?:fatal )?error: (?P<text>.*)$")
_LINKER_ERROR = re.compile(
    r"^(?:\S*\bld(?:\.\w+)?: (?!warning: |.*: in function ).*|.*undefined reference to .*|collect2: error: .*)$"
)
_FAILED = re.compile(r"^FAILED: (?:\[code=-?\d+\] )?(?P<output>\S+)")
_KILLED = re.compile(
    r"Killed signal terminated program|(?:internal compiler error|unable to execute command): Killed"
    r"|: out of memory allocating|LLVM ERROR: out of memory|virtual memory exhausted|what\(\):  std::bad_alloc"
)
_DISK_FULL = re.compile(r"No space left on device|final (?:link failed|close failed): No space")


@dataclass(frozen=True)
class Compiled:
    """A finished run: how many steps there were, and the seconds they took."""

    steps: int
    seconds: float


@dataclass(frozen=True)
class FirstError:
    """The first thing that went wrong: where, what, and the lines the compiler put below it."""

    place: str
    text: str
    lines: tuple[str, ...]
    failed: int


class _Steps:
    """Turns Ninja's ``[12/149]`` into a line with the time left."""

    def __init__(self, label: str, progress: Progress) -> None:
        self.label = label
        self.progress = progress
        self.done = self.total = 0
        self._started = self._said = time.monotonic()

    def on_line(self, line: str) -> None:
        match = _STEP.match(line)
        if match is None:
            return
        self.done, self.total = int(match[1]), int(match[2])
        now = time.monotonic()
        text = f"{self.label}: {self.done}/{self.total}{self._left(now)}"
        self.progress.update(text)
        if now - self._said >= _SAY_EVERY_S:
            self._said = now
            self.progress.note(text)

    def _left(self, now: float) -> str:
        """Guess from the steps so far; the first few tell nothing."""
        if self.done < 4 or self.done == self.total:
            return ""
        seconds = (now - self._started) / self.done * (self.total - self.done)
        return f", about {_duration(seconds)} left"


def compile_targets(
    ninja: Path,
    build: Path,
    targets: tuple[str, ...] = (),
    *,
    jobs: int,
    keep_going: bool = False,
    label: str,
    log: Path,
    env: Mapping[str, str],
    progress: Progress,
) -> Compiled:
    """Run Ninja in ``build`` for ``targets`` (all, if none are named); ``keep_going`` after a failed step.

    Raises
    ------
    BuildFailedError
        If a step fails: with the first error and its file, and what to do.
    """
    before = log.stat().st_size if log.exists() else 0
    steps = _Steps(label, progress)
    started = time.monotonic()
    finished = run_logged(
        [str(ninja), "-C", str(build), "-j", str(jobs), *(("-k", "0") if keep_going else ()), *targets],
        log=log,
        progress=progress,
        env={**env, "NINJA_STATUS": "[%f/%t] "},
        on_line=steps.on_line,
        bound=True,
    )
    progress.update("")
    if finished.returncode != 0:
        raise _explain(finished, _since(log, before))
    return Compiled(steps.total, time.monotonic() - started)


def lacked_room(text: str) -> bool:
    """Whether what Ninja said shows a full disk or too little memory, which is no fault of a source."""
    return bool(_DISK_FULL.search(text) or _KILLED.search(text))


def steps_done(text: str) -> int:
    """How many steps a run of Ninja finished, by what it said."""
    return max((int(match[1]) for match in map(_STEP.match, text.splitlines()) if match), default=0)


def first_error(text: str) -> FirstError | None:
    """Find the first compiler error in Ninja's output, else the first linker error, else the first failed step."""
    lines = text.splitlines()
    failed = [match["output"] for line in lines if (match := _FAILED.match(line))]
    for index, line in enumerate(lines):
        if match := _COMPILER_ERROR.match(line):
            below = tuple(item for item in lines[index + 1 : index + 1 + _CONTEXT_LINES] if item.startswith(" "))
            return FirstError(match["place"], match["text"], below, len(failed))
    for line in lines:
        if _LINKER_ERROR.match(line):
            return FirstError(failed[0] if failed else "the linker", line.strip(), (), len(failed))
    if failed:
        index = next(index for index, line in enumerate(lines) if _FAILED.match(line))
        output = (line for line in lines[index + 2 :] if line.strip() and not _STEP.match(line))
        said = tuple(islice(output, _CONTEXT_LINES))
        return FirstError(failed[0], said[0].strip() if said else "it said nothing", said[1:], len(failed))
    return None


def _explain(finished: Finished, text: str) -> BuildFailedError:
    found = first_error(text)
    context: dict[str, object] = {"log": finished.log}
    if _DISK_FULL.search(text):
        return BuildFailedError(
            "the disk is full",
            hint="free some space, or put the workspace elsewhere with --workspace DIR; what is compiled is kept",
            context=context,
        )
    if _KILLED.search(text):
        return BuildFailedError(
            "the compiler was killed: too little memory for this many jobs at a time",
            hint="run again with fewer: --jobs 1; what is compiled is kept",
            context=context,
        )
    if found is None:
        last = [line for line in text.splitlines() if line.strip()][-1:]
        return BuildFailedError(
            f"ninja ended with {finished.returncode}: {last[0].strip() if last else 'it said nothing'}",
            hint=f"read {finished.log}",
            context=context,
        )
    others = f" (and {found.failed - 1} more steps failed)" if found.failed > 1 else ""
    return BuildFailedError(
        f"{found.place}: {found.text}{others}",
        hint="mend it and run the same command: only what changed is compiled again",
        context={**({"source": "\n".join(found.lines)} if found.lines else {}), **context},
    )


def _since(log: Path, offset: int) -> str:
    with log.open("rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
