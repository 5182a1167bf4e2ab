"""Run one example on a GPU of this machine: the task that a pool runs, here or on a worker of a cluster."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scaffold.builds.limits import memory_bytes
from scaffold.builds.probing import own_folder
from scaffold.builds.process import probe_environment
from scaffold.builds.workspace import Workspace
from scaffold.corpus.examples.discover import OF_THE_BUILD
from scaffold.corpus.examples.facts import BuildFacts, facts_of, lacks, refuses
from scaffold.corpus.examples.lending import Lent, lend
from scaffold.corpus.examples.model import ExampleJob, ExampleResult, Outcome
from scaffold.corpus.examples.testing import TestRun, out_of_memory, run_tests
from scaffold.corpus.examples.watched import Ended, run_watched
from scaffold.corpus.examples.words import end_of, last_words, missing_package, required_arguments, what_was_raised
from scaffold.corpus.gpus import GpuSlot, find_gpus, hold_one
from scaffold.errors import EnvironmentProblem

#: What the examples of one machine may hold of its memory, all together.
_MEMORY_SHARE = 0.9

#: What a machine without a GPU does with a job instead of running it: lower its kernels.
Lower = Callable[[ExampleJob], ExampleResult]


def run_example(job: ExampleJob, lower: Lower | None = None) -> ExampleResult:
    """Run a job on a GPU that is free and right for it; ``lower`` takes it where there is no GPU.

    Raises
    ------
    EnvironmentProblem
        If the build cannot be used here, or its PyTorch does not reach the GPU.
    """
    gpus = find_gpus(job.gpus)
    if not gpus:
        return lower(job) if lower else _not_run(job, f"no GPU on {platform.node()}")
    facts = facts_of(job.build, job.python)
    if not facts.gpus:
        raise EnvironmentProblem(
            f"PyTorch {facts.torch} of {job.build} does not reach the {gpus[0].name} of {platform.node()}",
            hint="give the build a PyTorch for this GPU: python -m scaffold doctor says which",
        )
    cache = Path(job.cache) if job.cache else Path(tempfile.gettempdir()) / f"scaffold-cache-{os.getuid()}"
    lent = lend(job.example.packages - OF_THE_BUILD, facts.available, facts.python, cache)
    facts = replace(facts, available=facts.available | lent.modules)
    if not job.forced and (reason := lacks(job.example, facts)):
        return _not_run(job, reason)
    fitting = [gpu for gpu in gpus if job.forced or not refuses(job.example, gpu)]
    if not fitting:
        return _not_run(job, refuses(job.example, gpus[0]))
    with hold_one(fitting) as gpu, _folder(job) as folder:
        return run_on(job, gpu, folder, facts, lent, memory=job.memory_bytes or default_memory(len(gpus)))


def default_memory(jobs: int) -> int:
    """What one of ``jobs`` that run at once may hold, in bytes; 0 where the machine does not say what it has."""
    total, _ = memory_bytes()
    return int(total * _MEMORY_SHARE / max(1, jobs))


def run_on(job: ExampleJob, gpu: GpuSlot, folder: Path, facts: BuildFacts, lent: Lent, *, memory: int) -> ExampleResult:
    """Run a job on ``gpu`` in ``folder``, which is empty, with what is ``lent`` to its build."""
    for name in ("cwd", "tmp", "cache"):
        (folder / name).mkdir()
    environment = _environment(folder, lent, gpu)
    file = Path(job.tree) / job.example.path
    started = time.monotonic()
    if job.example.kind == "script":
        outcomes = [_run_script(job, file, folder, environment, memory)]
    elif no_pytest := lent.refused.get("pytest"):
        return _not_run(job, f"{job.build} has no pytest, and none can be lent: {no_pytest}")
    else:
        run = TestRun(job.python, job.example.path, file, job.select, folder, environment, job.timeout_s, memory)
        outcomes, _ = run_tests(run)
    return ExampleResult(
        path=job.example.path,
        kind=job.example.kind,
        topic=job.example.topic,
        outcomes=tuple(_judged(outcome, facts) for outcome in outcomes),
        seconds=time.monotonic() - started,
        gpu=gpu.name,
        host=platform.node(),
        log=end_of(folder / "log"),
    )


def _environment(folder: Path, lent: Lent, gpu: GpuSlot) -> dict[str, str]:
    """A kernel cache of its own, empty, so that every kernel is compiled here and now; nothing of the user's path."""
    return probe_environment(
        {
            "TILELANG_CACHE_DIR": str(folder / "cache"),
            "TRITON_CACHE_DIR": str(folder / "cache" / "triton"),
            "TMPDIR": str(folder / "tmp"),
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": str(folder / "cache"),
            "PYTHONPATH": lent.path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONFAULTHANDLER": "1",
            "PYTHONHASHSEED": "0",
            **gpu.environment(),
        }
    )


def _run_script(job: ExampleJob, file: Path, folder: Path, environment: dict[str, str], memory: int) -> Outcome:
    ended = run_watched(
        [job.python, str(file)],
        env=environment,
        cwd=folder / "cwd",
        log=folder / "log",
        timeout_s=job.timeout_s,
        memory_bytes=memory,
    )
    return judge_script(job, ended, end_of(folder / "log"), memory)


def judge_script(job: ExampleJob, ended: Ended, log: str, memory: int) -> Outcome:
    """What the end of a script's process means."""
    outcome = Outcome(job.example.path, "", "failed", ended.seconds, tail=last_words(log))
    if ended.why == "time":
        return replace(outcome, status="timed out", reason=f"did not end within {job.timeout_s:g} s")
    if ended.why == "memory":
        return replace(outcome, status="crashed", reason=out_of_memory(memory, ended))
    if ended.returncode < 0:
        return replace(outcome, status="crashed", reason=f"died of {ended.signal_name}")
    if ended.returncode == 0:
        return replace(outcome, status="passed", tail="")
    if arguments := required_arguments(log):
        return replace(outcome, status="not run", reason=f"needs arguments: {arguments}", tail="")
    said = what_was_raised(log)
    return replace(outcome, reason=f"exit code {ended.returncode}: {said}" if said else f"exit code {ended.returncode}")


def _judged(outcome: Outcome, facts: BuildFacts) -> Outcome:
    """A failure for want of a foreign package is no failure: the example could not run with this build."""
    package = missing_package(outcome.reason) if outcome.status == "failed" else ""
    if not package or package in facts.available | OF_THE_BUILD:
        return outcome
    return replace(outcome, status="not run", reason=f"needs {package}, which {facts.build} does not have")


def _not_run(job: ExampleJob, reason: str) -> ExampleResult:
    names: Sequence[str] = job.select or [test.name for test in job.example.tests] or [""]
    outcomes = tuple(Outcome(job.example.path, name, "not run", reason=reason) for name in names)
    return ExampleResult(job.example.path, job.example.kind, job.example.topic, outcomes, host=platform.node())


@contextmanager
def _folder(job: ExampleJob) -> Iterator[Path]:
    """A folder for one run: in the workspace, or, on a machine that may not see it, in its temporary folder."""
    if job.scratch:
        folder = own_folder(Workspace(Path(job.scratch)))
    else:
        folder = Path(tempfile.mkdtemp(prefix="scaffold-example-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
