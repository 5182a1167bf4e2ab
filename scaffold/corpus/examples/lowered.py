"""What a machine without a GPU does with an example: lower its kernels, and say so."""

from __future__ import annotations

import platform
import time
from functools import cache
from pathlib import Path

from scaffold.builds.build import Build
from scaffold.corpus.examples.lending import lend_to_scripts
from scaffold.corpus.examples.model import ExampleJob, ExampleResult, Outcome
from scaffold.corpus.lowering import Lowered, LowerTask, lower_entry
from scaffold.corpus.manifest import Entry, Manifest, make_manifest
from scaffold.kernels.target import DEFAULT_CUDA


def lower_instead(workspace: str, content: str, job: ExampleJob) -> ExampleResult:
    """Lower every kernel of the job's script for an architecture it can run on; a file of tests is not run.

    ``content`` is the digest of the job's build. What is kept of an earlier lowering is used as the corpus uses it.
    """
    started = time.monotonic()
    outcome = (
        _script(workspace, content, job)
        if job.example.kind == "script"
        else Outcome(job.example.path, "", "not run", reason=f"no GPU on {platform.node()}: tests need one")
    )
    return ExampleResult(
        path=job.example.path,
        kind=job.example.kind,
        topic=job.example.topic,
        outcomes=(outcome,),
        seconds=time.monotonic() - started,
        host=platform.node(),
    )


def _script(workspace: str, content: str, job: ExampleJob) -> Outcome:
    path = job.example.path
    entries = [entry for entry in _manifest(job.tree).entries if entry.name == path]
    lowered_for = [entry for entry in entries if not entry.left_out]
    if not lowered_for:
        reason = entries[0].left_out if entries else "there is no TileLang kernel in it"
        return Outcome(path, "", "not run", reason=f"no GPU on {platform.node()}: {reason}")
    entry = next((entry for entry in lowered_for if entry.target == DEFAULT_CUDA), lowered_for[0])
    lowered = lower_entry(
        LowerTask(
            entry=entry,
            build=Build(job.build, job.python),
            content=content,
            workspace=workspace,
            timeout_s=job.timeout_s,
            packages=lend_to_scripts(Path(job.cache)) if job.cache else (),
        )
    )
    return _outcome(path, entry, lowered)


@cache
def _manifest(tree: str) -> Manifest:
    return make_manifest(Path(tree), ())


def _outcome(path: str, entry: Entry, lowered: Lowered) -> Outcome:
    failed = [kernel for kernel in lowered.kernels if kernel.failure]
    if lowered.stopped.startswith("did not end"):
        return Outcome(path, "", "timed out", lowered.seconds, reason=f"{lowered.stopped}, lowering for {entry.target}")
    if failed:
        reason = f"{failed[0].name} does not lower for {entry.target}: {failed[0].failure}"
        return Outcome(path, "", "failed", lowered.seconds, reason=reason)
    if lowered.why_missing:
        return Outcome(path, "", "failed", lowered.seconds, reason=f"not every kernel: {lowered.why_missing}")
    if not lowered.kernels:
        return Outcome(path, "", "not run", lowered.seconds, reason="no GPU, and it compiles no TileLang kernel")
    count = len(lowered.kernels)
    reason = f"no GPU: {count} kernel{'s' if count > 1 else ''} lowered for {entry.target}"
    return Outcome(path, "", "lowered", lowered.seconds, reason=reason)
