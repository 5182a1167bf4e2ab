"""Links from the passes of a report to their source, by what is on this machine already."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from scaffold.builds.passes.index import PassEntry, PassIndex
from scaffold.builds.passes.store import PassIndexes
from scaffold.builds.workspace import Workspace
from scaffold.errors import ScaffoldError
from scaffold.progress import Progress
from scaffold.report.links import Links, SourceLink
from scaffold.trace.model import TraceFile


def links_of(files: Sequence[TraceFile], workspace: Workspace, progress: Progress) -> list[Links]:
    """The links of each lowering's build; none for a build that is not here. Nothing is downloaded or installed."""
    indexes = PassIndexes(workspace, progress)
    found: dict[str, Links] = {}
    for file in files:
        name = file.trace.build.name
        if name not in found:
            found[name] = {}
            # A report is worth having without links: a checkout that is gone, or a full disk, must not cost it.
            with contextlib.suppress(ScaffoldError, OSError), progress.step(f"looking up the passes of {name}"):
                index = indexes.look(name)
                found[name] = _links(index, file) if index else {}
    return [found[file.trace.build.name] for file in files]


def links_to(names: Iterable[str], build: str, workspace: Workspace, progress: Progress) -> Links:
    """The links of passes by name, as ``build`` has them; those that are not known are left out."""
    with contextlib.suppress(ScaffoldError, OSError), progress.step(f"looking up the passes of {build}"):
        if (index := PassIndexes(workspace, progress).look(build)) is not None:
            return {name: link_to(found[0], index) for name in names if (found := index.find(name))}
    return {}


def _links(index: PassIndex, file: TraceFile) -> Links:
    """Of passes with one name, the one that is made where the lowering ran it."""
    links: dict[str, SourceLink] = {}
    for record in file.trace.passes:
        if record.shown_name not in links and (found := index.find(record.shown_name)):
            there = [entry for entry in found if any(str(call) == record.caller for call in entry.callers)]
            links[record.shown_name] = link_to((there or found)[0], index)
    return links


def link_to(entry: PassEntry, index: PassIndex) -> SourceLink:
    """The line that defines a pass; that of its wrapper where the former is not here."""
    place = entry.source or entry.wrapper
    if place is None:
        return SourceLink("")
    words = str(place) if entry.source else f"{place} (its wrapper)"
    return SourceLink(words, index.code.link(place.path, place.line))
