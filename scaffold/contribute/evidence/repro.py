"""The repro of a draft on both builds, each time in the tree of that side."""

from __future__ import annotations

import shutil

from scaffold.builds.build import Build
from scaffold.builds.probing import own_folder
from scaffold.builds.process import probe_environment, run_logged
from scaffold.contribute.evidence.model import StepRecord
from scaffold.contribute.evidence.proof import repro_proof
from scaffold.contribute.evidence.testing import lay_out
from scaffold.contribute.evidence.work import Work, found, needless

_REPRODUCES, _DOES_NOT, _CANNOT_TELL = "reproduces", "does not reproduce", "cannot tell"
#: Names the folder of the side's tree for a repro of what is no part of a build: a script, a file of data.
TREE_VARIABLE = "SCAFFOLD_TREE"


def run_repro(work: Work, record: StepRecord) -> StepRecord:
    """Whether the fault shows on the base and not with the change."""
    if not work.draft.repro.is_file():
        return needless(
            record, f"no {work.draft.repro.name} in the draft's folder; a test that fails on the base will do"
        )
    said = {}
    for side, build in (("baseline", work.sides.baseline), ("candidate", work.sides.candidate)):
        with work.progress.step(f"repro on the {side}"):
            said[side] = _run(work, build, candidate=side == "candidate")
    before, now = said["baseline"], said["candidate"]
    shows, gone = before.startswith(_REPRODUCES), now.startswith(_DOES_NOT)
    verdict = (
        "reproduces on the base, not with the change"
        if shows and gone
        else f"on the base: {before}; with the change: {now}"
    )
    return found(
        record,
        verdict=verdict,
        finding=not (shows and gone),
        proof=repro_proof(before, now, work.draft.repro),
        commands=("python repro.py",),
        details={"reproduces_on_base": shows, "reproduces_now": now.startswith(_REPRODUCES)},
    )


def _run(work: Work, build: Build, *, candidate: bool) -> str:
    """The line in which the repro says what it saw."""
    folder = own_folder(work.workspace)
    try:
        tree = folder / "tree"
        lay_out(tree, work.change, candidate=candidate)
        variables = {
            "TILELANG_CACHE_DIR": str(folder / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
            TREE_VARIABLE: str(tree),
        }
        finished = run_logged(
            [build.python, str(work.draft.repro)],
            log=folder / "log",
            progress=work.progress,
            env=probe_environment(variables),
            cwd=tree,
            timeout_s=work.timeout_s,
        )
        lines = [line.strip() for line in finished.tail(200).splitlines()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if finished.timed_out:
        return f"{_CANNOT_TELL}: it did not end within {work.timeout_s:g} s"
    told = next((line for line in reversed(lines) if line.startswith((_REPRODUCES, _DOES_NOT, _CANNOT_TELL))), "")
    last = next(filter(None, reversed(lines)), "it said nothing")
    return told or f"{_CANNOT_TELL}: exit code {finished.returncode}: {last}"
