"""A pull request in the making: ``pr.toml`` and what lies beside it, outside the checkout.

::

    workspace/contributions/fix-short-fragment/
      pr.toml      kind, title, branch, kernels, targets, builds to compare: yours to edit, comments are kept
      body.md      the description, with sections that ``evidence`` fills and sections that are yours
      repro.py     the smallest program that shows it
      evidence/    what was run, and what it said
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from scaffold.builds.workspace import Workspace
from scaffold.errors import UsageError
from scaffold.files import write_atomically

FILE = "pr.toml"
#: The kernel that the draft's own repro builds, as ``kernels`` names it.
REPRO_KERNEL = "repro.py::build"
_HEAD = "What the kit knows of this pull request. Yours to edit: every verb reads it anew."


@dataclass(frozen=True)
class Draft:
    """What is known of a pull request in the making.

    Attributes
    ----------
    folder
        Where it is kept, outside the checkout.
    title
        Whole, with its tags: ``[BugFix][Reduce] Sum a fragment shorter than the block``.
    base_ref
        What the branch goes to: ``upstream/main``.
    kernels, targets
        What evidence compares: kernels of the zoo, ``path.py::function`` or scripts, ``repro.py::build`` for the kernel
        of the draft's own repro; and target labels.
    baseline, candidate
        Builds evidence compares; empty for the revision the branch left upstream at, and the checkout as it is.
    files
        Role -> paths in the checkout that were written for it.
    answers
        Id of a checklist's item -> ``done``, or ``not needed because …``.
    """

    folder: Path
    kind: str
    title: str
    checkout: Path
    branch: str
    base_ref: str
    issue: int | None = None
    subsystem: str = ""
    kernels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    baseline: str = ""
    candidate: str = ""
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> Path:
        return self.folder / "body.md"

    @property
    def repro(self) -> Path:
        return self.folder / "repro.py"

    @property
    def kernel_arguments(self) -> tuple[str, ...]:
        """``kernels`` as they are named from any folder."""
        return tuple(f"{self.repro}::build" if kernel == REPRO_KERNEL else kernel for kernel in self.kernels)

    @property
    def names_of_arguments(self) -> Mapping[str, str]:
        return dict(zip(self.kernel_arguments, self.kernels, strict=True))

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence"


def drafts_folder(workspace: Workspace) -> Path:
    return workspace.root / "contributions"


def draft_folder(workspace: Workspace, branch: str) -> Path:
    return drafts_folder(workspace) / branch.replace("/", "-")


def all_drafts(workspace: Workspace) -> list[Draft]:
    """Every draft of the workspace, by its folder's name."""
    return [read_draft(path.parent) for path in sorted(drafts_folder(workspace).glob(f"*/{FILE}"))]


def find_draft(workspace: Workspace, checkout: Path, branch: str) -> Draft | None:
    """The draft of a branch of a checkout."""
    for draft in all_drafts(workspace):
        if draft.branch == branch and draft.checkout.resolve() == checkout.resolve():
            return draft
    return None


def read_draft(folder: Path) -> Draft:
    """The draft kept in ``folder``.

    Raises
    ------
    UsageError
        If its ``pr.toml`` is no TOML, or lacks something.
    """
    path = folder / FILE
    try:
        document: dict[str, Any] = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
        return Draft(
            folder=folder,
            kind=str(document["kind"]),
            title=str(document["title"]),
            checkout=Path(str(document["checkout"])),
            branch=str(document["branch"]),
            base_ref=str(document["base_ref"]),
            issue=int(document["issue"]) if document.get("issue") else None,
            subsystem=str(document.get("subsystem", "")),
            kernels=tuple(map(str, document.get("kernels", ()))),
            targets=tuple(map(str, document.get("targets", ()))),
            baseline=str(document.get("baseline", "")),
            candidate=str(document.get("candidate", "")),
            files={role: tuple(map(str, paths)) for role, paths in document.get("files", {}).items()},
            answers={str(name): str(answer) for name, answer in document.get("answers", {}).items()},
        )
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="mend that line, or take the file back") from error
    except KeyError as error:
        raise UsageError(f"{path} does not say its {error.args[0]}", hint="add the line") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}", hint="mend that value") from error


def write_draft(draft: Draft) -> None:
    """Write ``pr.toml``; comments and unknown keys of one that is there are kept."""
    path = draft.folder / FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.is_file() else tomlkit.document()
    if not document:
        document.add(tomlkit.comment(_HEAD))
    values: dict[str, Any] = {
        "kind": draft.kind,
        "title": draft.title,
        "checkout": str(draft.checkout),
        "branch": draft.branch,
        "base_ref": draft.base_ref,
        "issue": draft.issue or 0,
        "subsystem": draft.subsystem,
        "kernels": list(draft.kernels),
        "targets": list(draft.targets),
        "baseline": draft.baseline,
        "candidate": draft.candidate,
        "files": {role: list(paths) for role, paths in draft.files.items()},
        "answers": dict(draft.answers),
    }
    for key, value in values.items():
        if key not in document or document[key] != value:
            document[key] = value
    write_atomically(path, tomlkit.dumps(document).encode())


def with_answer(draft: Draft, item: str, answer: str) -> Draft:
    return replace(draft, answers={**draft.answers, item: answer})
