"""What the change does to the code of kernels: those of the draft, the examples it changes, all others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scaffold.builds.probing import own_folder
from scaffold.contribute.evidence.model import StepRecord
from scaffold.contribute.evidence.proof import corpus_proof, difference_proof, survey_proof
from scaffold.contribute.evidence.work import (
    NO_KERNEL,
    Work,
    document_of,
    found,
    impossible,
    needless,
    plain_name,
    typed,
)
from scaffold.contribute.scratch import unpack_base
from scaffold.corpus.manifest import PINNED, scripts_with
from scaffold.diff.change import CHANGED, Outcome
from scaffold.kernels.catalog import zoo_names
from scaffold.report.corpus_words import many
from scaffold.verbs import run_verb

#: Outcomes in which a user gets something else.
_OTHER_CODE = frozenset(outcome.value for outcome in CHANGED)
#: Other kernels are lowered for these beside the draft's own: a pass often asks for the architecture, so that a change
#: for one shows there only. Without tensor memory access, with it, and with tensor memory.
_GENERATIONS = ("cuda:sm_80", "cuda:sm_90a", "cuda:sm_100a")
_MOST_NAMED = 3
#: What of a tree its examples are lowered with.
_OF_EXAMPLES = ("examples", "VERSION")


def compare_kernels(work: Work, record: StepRecord) -> StepRecord:
    """The kernels of the draft, pass by pass, for each of its targets."""
    if reason := work.no_difference:
        return needless(record, reason)
    if not work.draft.kernels:
        return impossible(record, NO_KERNEL)
    records = []
    for kernel, argument in zip(work.draft.kernels, work.draft.kernel_arguments, strict=True):
        for target in work.draft.targets:
            words = [argument, "--target", target, *work.sides.specs()]
            records.append((kernel, target, words, work.ask("tir-diff", words)))
    read = [document_of(said) for *_, said in records]
    differs = sum(bool(document) and document["verdict"]["outcome"] == "differs" for document in read)
    images = _verdict_images(work, records, read)
    missing = [f"{kernel} for {target}: {said.missing}" for kernel, target, _, said in records if said.missing]
    if len(missing) == len(records):
        return impossible(record, "; ".join(missing))
    heads = [f"{k} for {t}: {d['verdict']['headline']}" for (k, t, *_), d in zip(records, read, strict=True) if d]
    return found(
        record,
        verdict="; ".join([*heads, *missing]),
        finding=differs > 0,
        proof=difference_proof(records, read),
        commands=tuple(typed("tir-diff", words, work.draft.names_of_arguments) for _, _, words, _ in records),
        details={"differs": differs, "kernels": len(records)},
        images=images,
    )


def _verdict_images(work: Work, records: Sequence[Any], read: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """A picture of each difference, to attach."""
    images = []
    for (kernel, target, words, _), document in zip(records, read, strict=True):
        if document and document["verdict"]["outcome"] == "differs":
            name = f"images/tir-diff-{plain_name(Path(kernel).name)}-{plain_name(target)}.png"
            path = work.draft.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            asked = ["tir-diff", *words, "--workspace", str(work.workspace.root), "-q", "-o", str(path)]
            if run_verb(asked).returncode == 0 and path.is_file():
                images.append(name)
    return tuple(images)


def compare_examples(work: Work, record: StepRecord) -> StepRecord:
    """Examples the change touches: those of the base beside those of the branch, each in its side's build."""
    changed = work.change.below("examples")
    scripts = scripts_with(work.change.root, changed) if changed else ()
    if not scripts:
        return needless(record, "no example with a kernel is changed")
    folder = own_folder(work.workspace)
    try:
        base = folder / "tree"
        unpack_base(work.change, base, *(name for name in _OF_EXAMPLES if work.change.has_at_base(name)))
        both = [path for path in scripts if (base / path).is_file()]
        new = [path for path in scripts if path not in both]
        parts = [_compared_examples(work, record, both, base)] if both else []
        parts += [_new_examples(work, record, new)] if new else []
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ran = [part for part in parts if not part.not_run]
    if not ran:
        return parts[0]
    details = [part.details for part in ran]
    return found(
        record,
        verdict="; ".join(part.verdict or f"not compared: {part.not_run}" for part in parts),
        finding=any(part.finding for part in ran),
        proof="\n\n".join(part.proof for part in ran),
        commands=tuple(command for part in ran for command in part.commands),
        details={
            "differs": sum(item["differs"] for item in details),
            "kernels": sum(item["kernels"] for item in details),
        },
    )


def _compared_examples(work: Work, record: StepRecord, scripts: Sequence[str], base: Path) -> StepRecord:
    words = ["--corpus", *_names(scripts), *_targets(work), *work.sides.specs()]
    trees = ["--source-tree", str(base), "--candidate-tree", str(work.change.root)]
    said = work.ask("tir-diff", [*words, *trees], "examples")
    if said.missing:
        return impossible(record, said.missing)
    document = document_of(said)
    return found(
        record,
        verdict=f"{_few(scripts)}: {document['headline']}",
        finding=any(row["change"]["outcome"] == Outcome.BROKEN.value for row in document["kernels"]),
        proof=corpus_proof(said.document, "The changed examples"),
        commands=(typed("tir-diff", [*words, *trees], {str(base): "BASE", str(work.change.root): "."}),),
        details=_counted(document),
    )


def _new_examples(work: Work, record: StepRecord, scripts: Sequence[str]) -> StepRecord:
    words = ["--corpus", *_names(scripts), *_targets(work), "--build", work.sides.candidate.name]
    tree = ["--source-tree", str(work.change.root)]
    said = work.ask("tir-diff", [*words, *tree], "new-examples")
    if said.missing:
        return impossible(record, said.missing)
    document = document_of(said)
    kernels = [kernel for entry in document["entries"] for kernel in entry["kernels"]]
    failed = sum(bool(kernel["failure"]) for kernel in kernels)
    missed = sum(bool(entry["why_missing"]) for entry in document["entries"])
    return found(
        record,
        verdict=f"{_few(scripts)}, new: {_captured(kernels, failed, missed, document['entries'])}",
        finding=bool(failed or missed),
        proof=survey_proof(said.document),
        commands=(typed("tir-diff", [*words, *tree], {str(work.change.root): "."}),),
        details={"differs": 0, "kernels": len(kernels)},
    )


def _counted(document: dict[str, Any]) -> dict[str, int]:
    """How many kernels generate other code, and of how many."""
    outcomes = [row["change"]["outcome"] for row in document["kernels"]]
    return {"differs": sum(outcome in _OTHER_CODE for outcome in outcomes), "kernels": len(outcomes)}


def _captured(kernels: Sequence[Any], failed: int, missed: int, entries: Sequence[Any]) -> str:
    """``2 kernels lowered, for cuda:sm_80, cuda:sm_90a``: an entry is one script for one target."""
    targets = ", ".join(dict.fromkeys(entry["target"] for entry in entries))
    told = f"{many(len(kernels) - failed, 'kernel')} lowered" + (f", for {targets}" if targets else "")
    told += f"; {failed} not" if failed else ""
    return told + ("; not every kernel was captured" if missed else "")


def _few(scripts: Sequence[str]) -> str:
    names = _names(scripts)
    return ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} scripts"


def _targets(work: Work) -> list[str]:
    """The draft's, unless the corpus has them anyway: then a script that can run on none is lowered for one it can."""
    return [] if set(work.draft.targets) <= set(PINNED) else ["--target", ",".join(work.draft.targets)]


def _names(scripts: Sequence[str]) -> list[str]:
    """As the corpus calls them: without the folder they all lie in."""
    return [path.removeprefix("examples/") for path in scripts]


def compare_corpus(work: Work, record: StepRecord) -> StepRecord:
    """All kernels of the kit, for the draft's targets and each generation of GPUs; upstream's examples where asked."""
    if reason := work.no_difference:
        return needless(record, reason)
    if work.corpus == "none":
        return needless(record, "--corpus none")
    words = ["--corpus", "--source-tree", str(work.change.root)] if work.corpus == "all" else list(zoo_names())
    if work.corpus == "zoo":
        words += ["--target", ",".join(dict.fromkeys((*work.draft.targets, *_GENERATIONS)))]
    words += [*work.sides.specs(), "--no-machine-code"]
    said = work.ask("tir-diff", words, "corpus")
    if said.missing:
        return impossible(record, said.missing)
    document = document_of(said)
    if document.get("kind") != "two-builds":
        return impossible(record, "it came to one kernel only: see tir-diff")
    counted = _counted(document)
    targets = list(dict.fromkeys(row["target"] for row in document["kernels"]))
    return found(
        record,
        verdict=f"{document['headline']} ({', '.join(targets)})",
        finding=counted["differs"] > 0,
        proof=corpus_proof(said.document, "Every kernel"),
        commands=(typed("tir-diff", words, {str(work.change.root): "."}),),
        details={**counted, "what": work.corpus, "targets": targets},
    )
