"""The parts of the description that evidence fills, from its records."""

from __future__ import annotations

import time
from collections.abc import Iterator

from scaffold.contribute.draft import Draft
from scaffold.contribute.evidence.model import STEPS, EvidenceRecord, SideRecord, StepRecord
from scaffold.contribute.kinds import Kind, Step

_TITLES: dict[Step, str] = {
    "repro": "Repro",
    "tests": "Tests",
    "docs": "Documentation",
    "tir-diff": "IR",
    "examples": "Changed examples",
    "corpus": "Other kernels",
    "bench": "Speed",
    "profile": "Profile",
}
#: Steps in which TileLang lowers kernels.
_OF_CODE: tuple[Step, ...] = ("tir-diff", "examples", "corpus", "bench", "profile")
_NOTHING_LEFT = "_nothing that is asked of this kind of change_"
_PARTS: dict[str, tuple[Step, ...]] = {
    "validation": ("repro", "tests", "docs"),
    "ir": ("tir-diff", "examples", "corpus"),
    "performance": ("bench", "profile"),
}


def fill_sections(record: EvidenceRecord, kind: Kind, draft: Draft) -> dict[str, str]:
    """Name of a part -> its text."""
    steps = [record.steps[name] for name in STEPS if name in record.steps]
    filled = {name: _part(record, wanted) for name, wanted in _PARTS.items() if _concerns(wanted, record, kind)}
    filled["summary"] = "\n".join(_summary(steps)) or "_nothing could be run here_"
    filled["environment"] = "\n".join(_environment(record))
    filled["not-tested"] = "\n".join(_not_tested(record, kind, draft)) or _NOTHING_LEFT
    return filled


def parts_without_result(record: EvidenceRecord) -> frozenset[str]:
    """The parts none of whose steps applies to this change: ``ir`` where no kernel can come out differently."""
    return frozenset(
        name
        for name, wanted in _PARTS.items()
        if all(record.steps[step].not_run and not record.steps[step].cannot for step in wanted if step in record.steps)
    )


def _summary(steps: list[StepRecord]) -> Iterator[str]:
    for step in steps:
        if not step.not_run:
            title = f"**{_TITLES[step.step]}**" if step.finding else _TITLES[step.step]
            yield f"- {title}: {_line(step.verdict)}"


def _concerns(wanted: tuple[Step, ...], record: EvidenceRecord, kind: Kind) -> bool:
    return any(name in record.steps or name in kind.evidence for name in wanted)


def _line(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")


def _part(record: EvidenceRecord, wanted: tuple[Step, ...]) -> str:
    """Steps with a result, then those without where a reader would look for one; a reason they share is said once."""
    steps = [record.steps[name] for name in wanted if name in record.steps]
    parts = [_shown(step) for step in steps if not step.not_run]
    missing: dict[str, list[str]] = {}
    for step in steps:
        if step.not_run and (step.cannot or not parts):
            missing.setdefault(_line(step.not_run), []).append(_TITLES[step.step])
    for why, titles in missing.items():
        parts.append(f"{', '.join(titles)}: not run: {why}" if parts or len(missing) > 1 else f"Not run: {why}.")
    return "\n\n".join(parts) or "_not part of what this kind of change shows_"


def _shown(step: StepRecord) -> str:
    shown = [f"{_TITLES[step.step]}: {_line(step.verdict)}", step.proof]
    if step.commands:
        shown.append("```sh\n" + "\n".join(step.commands) + "\n```")
    if step.images:
        shown.append(f"<!-- attach: {', '.join(step.images)} -->")
    return "\n\n".join(part for part in shown if part)


def _environment(record: EvidenceRecord) -> Iterator[str]:
    one, other = record.baseline, record.candidate
    if one and other and one.name == other.name:
        yield f"- both sides: {_side(one)}"
    else:
        yield from (f"- {label}: {_side(side)}" for label, side in (("base", one), ("with the change", other)) if side)
    lowered = "" if _ran_on_gpu(record) or not _has_code(record) else ": kernels were lowered, not run"
    yield from (f"- {line}{lowered}" for line in record.machine)
    times = [step.at for step in record.steps.values() if not step.not_run]
    if times:
        yield f"- measured {_span(min(times), max(times))} UTC"


def _span(first: float, last: float) -> str:
    """``2026-11-26 16:36 to 16:40``; of the end only what differs from the start."""
    (day, start), (last_day, end) = (time.strftime("%Y-%m-%d %H:%M", time.gmtime(at)).split() for at in (first, last))
    if (day, start) == (last_day, end):
        return f"{day} {start}"
    return f"{day} {start} to {end if day == last_day else f'{last_day} {end}'}"


def _ran_on_gpu(record: EvidenceRecord) -> bool:
    return any(line.startswith("GPU") for line in record.machine)


def _has_code(record: EvidenceRecord) -> bool:
    return any(name in record.steps and not record.steps[name].not_run for name in _OF_CODE)


def _side(side: SideRecord) -> str:
    made = f" ({', '.join(side.made_of)})" if side.made_of else ""
    return f"`{side.name}`, TileLang {side.version}{made}"


def _not_tested(record: EvidenceRecord, kind: Kind, draft: Draft) -> Iterator[str]:
    """What a reader may think was tested, and was not: with the reason. What does not apply is left out."""
    for name in STEPS:
        if name not in kind.evidence and name not in record.steps:
            continue
        step = record.steps.get(name)
        if step is None:
            yield f"- {_TITLES[name]}: not run"
        elif step.cannot:
            yield f"- {_TITLES[name]}: {_line(step.not_run)}"
        elif name == "tests" and not step.not_run:
            yield from _skipped(step)
        elif name == "corpus" and step.details.get("what") == "zoo":
            yield "- upstream's `examples/` were not lowered on both sides: only the kit's kernels were"
    tests = record.steps.get("tests")
    if not _ran_on_gpu(record) and (_has_code(record) or (tests and tests.details.get("skipped"))):
        yield "- nothing ran on a GPU"
    if _has_code(record):
        corpus = record.steps.get("corpus")
        looked_at = set(map(_backend, (*draft.targets, *(corpus.details.get("targets", ()) if corpus else ()))))
        if others := [backend for backend in ("CUDA", "ROCm", "Metal") if backend not in looked_at]:
            yield f"- other backends ({', '.join(others)}) were not looked at"


def _skipped(step: StepRecord) -> Iterator[str]:
    own = step.details.get("own", {})
    if step.details.get("nothing_ran"):
        yield f"- {_TITLES['tests']}: every test was skipped here"
    elif own.get("skipped") and not own.get("passed") and not own.get("failed"):
        why = step.details.get("own_reason")
        yield f"- {_TITLES['tests']}: all {own['skipped']} of the branch itself were skipped here" + (
            f" ({_line(str(why))})" if why else ""
        )


def _backend(label: str) -> str:
    return {"cuda": "CUDA", "hip": "ROCm", "metal": "Metal"}.get(label.partition(":")[0], "")
