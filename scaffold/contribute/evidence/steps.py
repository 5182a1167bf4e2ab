"""Run one step of evidence: each takes the builds and gives a record, or says why it cannot."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from scaffold.builds.build import Build
from scaffold.builds.gpu import find_gpu
from scaffold.builds.probing import own_folder
from scaffold.builds.process import probe_environment, run_logged
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import Change, is_test_file
from scaffold.contribute.draft import Draft
from scaffold.contribute.evidence.model import StepRecord
from scaffold.contribute.evidence.proof import bench_proof, corpus_proof, difference_proof, profile_proof, tests_proof
from scaffold.contribute.evidence.sides import Sides
from scaffold.contribute.evidence.testing import TestsOnBoth, run_on_both
from scaffold.contribute.impact import Impact
from scaffold.contribute.kinds import Step
from scaffold.diff.change import CHANGED
from scaffold.files import write_atomically
from scaffold.kernels.catalog import zoo_names
from scaffold.progress import Progress
from scaffold.report.bench_json import parse_bench_json
from scaffold.report.bench_png import render_bench_png
from scaffold.verbs import Said, ask_verb, run_verb

_MOST_TESTS = 8
#: Outcomes in which a user gets something else.
_OTHER_CODE = frozenset(outcome.value for outcome in CHANGED)
_REPRODUCES = "reproduces"


@dataclass(frozen=True)
class Work:
    """What a step is given."""

    draft: Draft
    change: Change
    impact: Impact
    make_sides: Callable[[], Sides]
    workspace: Workspace
    progress: Progress
    corpus: str
    timeout_s: float

    @cached_property
    def sides(self) -> Sides:
        """Both builds, made when the first step asks for one: a build of the docs asks for none."""
        return self.make_sides()

    @property
    def folder(self) -> Path:
        return self.workspace.folder(self.draft.evidence)


def run_step(step: Step, work: Work, key: str) -> StepRecord:
    """Run it; what the program under test does wrong is a result, not an error."""
    empty = StepRecord(step=step, key=key, at=time.time())
    return _STEPS[step](work, empty)


def _with(record: StepRecord, **fields: Any) -> StepRecord:
    return msgspec.structs.replace(record, **fields)


def _repro(work: Work, record: StepRecord) -> StepRecord:
    if not work.draft.repro.is_file():
        return _with(record, not_run=f"there is no {work.draft.repro.name} beside the draft")
    said = {}
    for side, build in (("baseline", work.sides.baseline), ("candidate", work.sides.candidate)):
        with work.progress.step(f"repro on the {side}"):
            said[side] = _run_repro(work, build)
    before, now = said["baseline"], said["candidate"]
    shows, gone = before.startswith(_REPRODUCES), now.startswith("does not reproduce")
    verdict = (
        "reproduces on the base, not with the change"
        if shows and gone
        else f"on the base: {before}; with the change: {now}"
    )
    return _with(
        record,
        verdict=verdict,
        finding=not (shows and gone),
        proof=f"```\nbase:        {before}\nwith change: {now}\n```",
        commands=("python repro.py",),
        details={"reproduces_on_base": shows, "reproduces_now": now.startswith(_REPRODUCES)},
    )


def _run_repro(work: Work, build: Build) -> str:
    """The line in which the repro says what it saw."""
    folder = own_folder(work.workspace)
    environment = probe_environment({"TILELANG_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"})
    finished = run_logged(
        [build.python, str(work.draft.repro)],
        log=folder / "log",
        progress=work.progress,
        env=environment,
        cwd=folder,
        timeout_s=work.timeout_s,
    )
    lines = [line.strip() for line in finished.tail(200).splitlines()]
    starts = (_REPRODUCES, "does not reproduce", "cannot tell")
    told = next((line for line in reversed(lines) if line.startswith(starts)), "")
    shutil.rmtree(folder, ignore_errors=True)
    if finished.timed_out:
        return f"cannot tell: it did not end within {work.timeout_s:g} s"
    return (
        told
        or f"cannot tell: exit code {finished.returncode}: {next(filter(None, reversed(lines)), 'it said nothing')}"
    )


def _tests(work: Work, record: StepRecord) -> StepRecord:
    changed = [path for path in work.change.present if is_test_file(path)]
    others = [hit.name for hit in work.impact.tests if hit.name not in changed]
    paths = (
        changed + [path for path in others if (work.change.root / path).is_file()][: max(0, _MOST_TESTS - len(changed))]
    )
    if not paths:
        return _with(record, not_run="no test of the branch, and none of upstream's, is about what it touches")
    both = run_on_both(paths, work.change, work.sides, work.workspace, work.progress, timeout_s=work.timeout_s)
    details, verdict = _judge(both)
    return _with(
        record,
        verdict=verdict,
        finding=not details["passes_now"] and not details["nothing_ran"],
        proof=tests_proof(both),
        commands=tuple(f"python -m pytest {path}" for path in paths),
        details=details,
    )


def _judge(both: TestsOnBoth) -> tuple[dict[str, Any], str]:
    nothing = not both.ran
    details: dict[str, Any] = {
        "nothing_ran": nothing,
        "fails_on_base": None if nothing else bool(both.mended),
        "passes_now": None if nothing else not both.broken,
        "reason": both.rows[0].reason if nothing and both.rows else "",
    }
    passed = sum(row.candidate == "passed" for row in both.rows)
    skipped = sum(row.candidate == "skipped" for row in both.rows)
    if nothing:
        return details, f"nothing ran here: {skipped} tests skipped ({details['reason'] or 'no reason given'})"
    words = [f"{passed} passed"]
    words += [f"{len(both.broken)} FAILED"] if both.broken else []
    words += [f"{len(both.failing_on_both)} failed on both sides"] if both.failing_on_both else []
    words += [f"{skipped} skipped"] if skipped else []
    verdict = ", ".join(words) + " with the change"
    if both.mended:
        verdict += f"; {len(both.mended)} of them {'fails' if len(both.mended) == 1 else 'fail'} on the base revision"
    else:
        verdict += "; none of them fails on the base revision"
    return details, verdict


def _tir_diff(work: Work, record: StepRecord) -> StepRecord:
    if reason := _no_difference(work):
        return _with(record, not_run=reason)
    if not work.draft.kernels:
        return _with(record, not_run="the draft names no kernel: add one to kernels of pr.toml")
    records = []
    for kernel in work.draft.kernels:
        for target in work.draft.targets:
            words = [kernel, "--target", target, *work.sides.specs(), "--workspace", str(work.workspace.root)]
            said = ask_verb("tir-diff", words, work.folder, work.progress)
            records.append((kernel, target, words, said))
    found = [_document(said) for *_, said in records]
    differs = sum(bool(document) and document["verdict"]["outcome"] == "differs" for document in found)
    images = _verdict_images(work, records, found)
    missing = [f"{kernel} for {target}: {said.missing}" for kernel, target, _, said in records if said.missing]
    if len(missing) == len(records):
        return _with(record, not_run="; ".join(missing))
    heads = [f"{k} for {t}: {d['verdict']['headline']}" for (k, t, *_), d in zip(records, found, strict=True) if d]
    return _with(
        record,
        verdict="; ".join([*heads, *missing]),
        finding=differs > 0,
        proof=difference_proof(records, found),
        commands=tuple(_typed("tir-diff", words) for _, _, words, _ in records),
        details={"differs": differs, "kernels": len(records)},
        images=images,
    )


def _document(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.document) if said.document else {}
    return found


def _verdict_images(work: Work, records: Sequence[Any], found: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """A picture of each difference, to attach."""
    images = []
    for (kernel, target, words, _), document in zip(records, found, strict=True):
        if document and document["verdict"]["outcome"] == "differs":
            name = f"images/tir-diff-{_plain(Path(kernel).name)}-{_plain(target)}.png"
            path = work.draft.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if run_verb(["tir-diff", *words, "-q", "-o", str(path)]).returncode == 0 and path.is_file():
                images.append(name)
    return tuple(images)


def _plain(text: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "_-." else "-" for sign in text)


def _no_difference(work: Work) -> str:
    """Why no code can differ, where it is so."""
    if not work.impact.generates:
        return "no file that TileLang is built of or imports is changed, so no kernel can come out differently"
    if work.sides.same:
        return "both sides are one build"
    return ""


def _corpus(work: Work, record: StepRecord) -> StepRecord:
    if reason := _no_difference(work):
        return _with(record, not_run=reason)
    if work.corpus == "none":
        return _with(record, not_run="--corpus none")
    words = ["--corpus", "--source-tree", str(work.change.root)] if work.corpus == "all" else list(zoo_names())
    targets = [word for target in work.draft.targets for word in ("--target", target)] if work.corpus == "zoo" else []
    words += [*targets[:2], *work.sides.specs(), "--workspace", str(work.workspace.root), "--no-machine-code"]
    said = ask_verb("tir-diff", words, work.workspace.folder(work.folder / "corpus"), work.progress)
    if said.missing:
        return _with(record, not_run=said.missing)
    document = _document(said)
    if document.get("kind") != "two-builds":
        return _with(record, not_run="it came to one kernel only: see tir-diff")
    differs = sum(row["change"]["outcome"] in _OTHER_CODE for row in document["kernels"])
    return _with(
        record,
        verdict=document["headline"],
        finding=differs > 0,
        proof=corpus_proof(said.document),
        commands=(_typed("tir-diff", words),),
        details={"differs": differs, "kernels": len(document["kernels"]), "what": work.corpus},
    )


def _bench(work: Work, record: StepRecord) -> StepRecord:
    if reason := _no_difference(work):
        return _with(record, not_run=reason)
    if not work.draft.kernels:
        return _with(record, not_run="the draft names no kernel: add one to kernels of pr.toml")
    host = [target for target in work.draft.targets if target == "c"]
    if find_gpu() is None and not host:
        return _with(record, not_run="no GPU here")
    words = [*work.draft.kernels, *(["--target", "c"] if find_gpu() is None else []), *work.sides.specs()]
    words += ["--workspace", str(work.workspace.root)]
    said = ask_verb("bench", words, work.folder, work.progress)
    if said.missing:
        return _with(record, not_run=said.missing)
    report = parse_bench_json(said.document)
    name = "images/bench.png"
    write_atomically(work.draft.folder / name, render_bench_png(report))
    verdicts = {row.kernel: row.asked.word for row in report.rows if row.asked}
    return _with(
        record,
        verdict=report.headline,
        finding=any(word == "SLOWER" for word in verdicts.values()),
        proof=bench_proof(report),
        commands=(_typed("bench", words),),
        details={"verdicts": verdicts},
        images=(name,),
    )


def _profile(work: Work, record: StepRecord) -> StepRecord:
    if reason := _no_difference(work):
        return _with(record, not_run=reason)
    if not work.draft.kernels:
        return _with(record, not_run="the draft names no kernel: add one to kernels of pr.toml")
    if find_gpu() is None:
        return _with(record, not_run="no GPU here")
    words = [work.draft.kernels[0], *work.sides.specs(), "--workspace", str(work.workspace.root)]
    said = ask_verb("profile", words, work.folder, work.progress)
    if said.missing:
        return _with(record, not_run=said.missing)
    return _with(
        record,
        verdict=_document(said)["headline"],
        proof=profile_proof(_document(said)),
        commands=(_typed("profile", words),),
    )


def _docs(work: Work, record: StepRecord) -> StepRecord:
    """Upstream builds its docs only after a merge: a page that breaks them is not caught before."""
    if not any(file.path.startswith("docs/") for file in work.change.files):
        return _with(record, not_run="no file of docs/ is changed")
    words = ["--only", "docs-build", "--checkout", str(work.change.root), "--workspace", str(work.workspace.root)]
    said = ask_verb("preflight", words, work.folder, work.progress)
    rows = [row for row in _document(said).get("checks", ()) if row["id"] == "docs-build"]
    if said.missing or not rows or rows[0]["word"] in ("unknown", "quiet"):
        return _with(
            record, not_run=said.missing or (rows[0]["message"] if rows else "the documentation was not built")
        )
    places = "\n".join(str(place).replace("```", "'''") for place in rows[0]["places"])
    return _with(
        record,
        verdict=f"{'builds' if rows[0]['word'] == 'passed' else 'does not build cleanly'}: {rows[0]['message']}",
        finding=rows[0]["word"] != "passed",
        proof=f"```\n{places}\n```" if places else "",
        commands=("pip install -r docs/requirements.txt && make -C docs html",),
        details={"builds": rows[0]["word"] != "failed"},
    )


def _typed(verb: str, words: Sequence[str]) -> str:
    """The command as another person would type it: without this machine's folders."""
    kept = list(words)
    for flag in ("--workspace", "--source-tree"):
        if flag in kept:
            at = kept.index(flag)
            del kept[at : at + 2]
    shown = [word.partition(":")[0] if word.startswith("build=worktree:") else word for word in kept]
    return f"python -m scaffold {verb} {shlex.join(shown)}"


_STEPS: dict[Step, Callable[[Work, StepRecord], StepRecord]] = {
    "repro": _repro,
    "tests": _tests,
    "docs": _docs,
    "tir-diff": _tir_diff,
    "corpus": _corpus,
    "bench": _bench,
    "profile": _profile,
}
