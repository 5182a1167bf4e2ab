"""The kinds of pull request: one folder of ``templates/`` each, with a ``kind.toml`` that says what is special to it.

A new kind is a folder there and a checklist of the same name; nothing here knows any of them by name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from scaffold.errors import ScaffoldError, UsageError

#: What ``evidence`` can bring, in the order in which it is brought.
Step = Literal["repro", "tests", "docs", "tir-diff", "examples", "corpus", "bench", "profile"]
#: What a written file is to the pull request.
Role = Literal["test", "source", "wrapper", "docs", "example", "regression", "notes", "repro", "body", "benchmark"]

_PART = re.compile(r"""\bevidence\(["']([a-z-]+)["']\)""")
_KIT = Path(__file__).parents[2]


class TemplateFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file a kind writes.

    Attributes
    ----------
    template
        In the kind's folder.
    path
        A Jinja2 text: below the checkout, or below the draft's own folder for those that stay outside of it.
    when
        A Jinja2 expression; the file is left out where it is false.
    append
        Whether it is added to an existing file of that path where there is one (before its ``__main__`` footer).
    """

    template: str
    path: str
    role: Role
    when: str = ""
    append: bool = False


class Expects(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a reviewer expects of a kind; ``preflight`` holds the branch against it."""

    test: Literal["required", "expected", "none"] = "expected"
    fails_on_base: bool = False
    benchmark: bool = False
    docs: bool = False
    changes_code: bool | None = None


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of pull request.

    Attributes
    ----------
    tag, tags
        The first tag of its title, and others upstream uses for the same kind.
    branch
        The first part of its branch: ``fix`` for ``fix/short-fragment``.
    asks
        What is asked beside title and subsystem: ``issue``, ``kernel``, ``pass``, ``backend``; those that end in ``?``
        may be left empty.
    files, kept
        What is written into the checkout, and what stays outside of it.
    """

    name: str
    summary: str
    tag: str
    tags: tuple[str, ...] = ()
    branch: str
    example: str
    asks: tuple[str, ...] = ()
    evidence: tuple[Step, ...] = ()
    expects: Expects = Expects()
    files: tuple[TemplateFile, ...] = ()
    kept: tuple[TemplateFile, ...] = ()

    @property
    def folder(self) -> Path:
        return templates_folder() / self.name

    @property
    def checklist(self) -> Path:
        return checklists_folder() / f"{self.name}.md"


def templates_folder() -> Path:
    return _kit_folder("templates")


def checklists_folder() -> Path:
    return _kit_folder("checklists")


def _kit_folder(name: str) -> Path:
    """A folder of the repository; an installed kit has it inside the package."""
    packed = Path(__file__).parents[1] / "data" / name
    return packed if packed.is_dir() else _KIT / name


def parts_of(kind: Kind) -> frozenset[str]:
    """The parts that evidence fills in a description of this kind: ``validation``, ``ir``."""
    body = kind.folder / "body.md.j2"
    return frozenset(_PART.findall(body.read_text(encoding="utf-8"))) if body.is_file() else frozenset()


def kinds() -> Mapping[str, Kind]:
    """Every kind by its name, in alphabetical order.

    Raises
    ------
    ScaffoldError
        If a ``kind.toml`` cannot be read: a fault of who wrote it, named with the field.
    """
    found = {}
    for path in sorted(templates_folder().glob("*/kind.toml")):
        try:
            found[path.parent.name] = msgspec.convert(
                {"name": path.parent.name, **msgspec.toml.decode(path.read_bytes())}, Kind
            )
        except msgspec.MsgspecError as error:
            raise ScaffoldError(
                f"{path}: {error}", hint="see templates/README.md for what a kind.toml holds"
            ) from error
    return found


def find_kind(name: str) -> Kind:
    """The kind of that name.

    Raises
    ------
    UsageError
        If there is none, with the nearest.
    """
    known = kinds()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    raise UsageError(
        f"no kind of pull request is called {name!r}",
        hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}",
    )
