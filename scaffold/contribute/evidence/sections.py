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
    "corpus": "Other kernels",
    "bench": "Speed",
    "profile": "Profile",
}
_PARTS: dict[str, tuple[Step, ...]] = {
    "validation": ("repro", "tests", "docs"),
    "ir": ("tir-diff", "corpus"),
    "performance": ("bench", "profile"),
}


def fill_sections(record: EvidenceRecord, kind: Kind, draft: Draft) -> dict[str, str]:
    """Name of a part -> its text."""
    steps = [record.steps[name] for name in STEPS if name in record.steps]
    filled = {name: _part(record, wanted) for name, wanted in _PARTS.items() if _concerns(wanted, record, kind)}
    filled["summary"] = "\n".join(_summary(steps)) or "_nothing could be run here_"
    filled["environment"] = "\n".join(_environment(record))
    filled["not-tested"] = "\n".join(_not_tested(record, kind, draft))
    return filled


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
    parts = []
    for name in wanted:
        step = record.steps.get(name)
        if step is None:
            continue
        if step.not_run:
            parts.append(f"{_TITLES[name]}: not run: {_line(step.not_run)}")
            continue
        shown = [f"{_TITLES[name]}: {_line(step.verdict)}", step.proof]
        if step.commands:
            shown.append("```sh\n" + "\n".join(step.commands) + "\n```")
        if step.images:
            shown.append(f"<!-- attach: {', '.join(step.images)} -->")
        parts.append("\n\n".join(part for part in shown if part))
    return "\n\n".join(parts) or "_not part of what this kind of change shows_"


def _environment(record: EvidenceRecord) -> Iterator[str]:
    for label, side in (("base", record.baseline), ("with the change", record.candidate)):
        if side:
            yield f"- {label}: {_side(side)}"
    yield from (f"- {line}" for line in record.machine)
    times = [step.at for step in record.steps.values() if not step.not_run]
    if times:
        first, last = time.gmtime(min(times)), time.gmtime(max(times))
        yield f"- measured {time.strftime('%Y-%m-%d %H:%M', first)} to {time.strftime('%H:%M', last)} UTC"


def _side(side: SideRecord) -> str:
    made = f" ({', '.join(side.made_of)})" if side.made_of else ""
    return f"`{side.name}`, TileLang {side.version}{made}"


def _not_tested(record: EvidenceRecord, kind: Kind, draft: Draft) -> Iterator[str]:
    """What a reader may think was tested, and was not: with the reason."""
    for name in kind.evidence:
        step = record.steps.get(name)
        if step is None:
            yield f"- {_TITLES[name]}: not run"
        elif step.not_run:
            yield f"- {_TITLES[name]}: {_line(step.not_run)}"
        elif name == "tests" and step.details.get("nothing_ran"):
            yield f"- {_TITLES[name]}: every test was skipped here"
        elif name == "corpus" and step.details.get("what") == "zoo":
            yield "- upstream's `examples/` were not lowered on both sides: only the kit's kernels were"
    if not any(line.startswith("GPU") for line in record.machine):
        yield "- nothing ran on a GPU"
    others = [target for target in ("CUDA", "ROCm", "Metal") if not any(_of(target, label) for label in draft.targets)]
    if others:
        yield f"- other backends ({', '.join(others)}) were not looked at"


def _of(backend: str, label: str) -> bool:
    return {"cuda": "CUDA", "hip": "ROCm", "metal": "Metal"}.get(label.partition(":")[0]) == backend
