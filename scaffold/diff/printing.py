"""What two releases only write differently, so that a comparison shows what their compilers do differently.

TileLang 0.1.10 took up a TVM that calls ``tir`` ``tirx``, and that writes the same program down in other words. Below
is every such habit that was found, as data; :mod:`scaffold.diff.conventions` does what it says.
They were found by saving the modules of the zoo as JSON in one release and printing them in another: one program in two
spellings (``docs/across-releases.md``). Between 0.1.11 and 0.1.15 there was nothing to find.

To add one: a function in ``conventions``, a line here, and a test of what must *not* be taken for the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scaffold.diff import conventions
from scaffold.diff.text import lines_of
from scaffold.trace.model import TraceFile


@dataclass(frozen=True)
class Convention:
    """One habit: what one side writes as ``here`` the other writes as ``there``; ``respell`` brings it there."""

    here: str
    there: str
    respell: Callable[[Sequence[str]], list[str]]


#: Of the side whose TVM has ``tvm.tir`` (TileLang up to 0.1.9), beside one that has ``tvm.tirx``; in this order.
OLDER_TVM = (
    Convention('T.block("x"); T.alloc_buffer(…)', 'T.sblock("x"); T.sblock_alloc_buffer(…)', conventions.block_words),
    Convention('{"tir.noalias": True}', '{"tirx.noalias": True}', conventions.attribute_keys),
    Convention('assert c, "why"', 'assert c, ("RuntimeError", ["why"])', conventions.assertions),
    Convention("with T.LetStmt(T.float32(0)) as x:", "x: T.float32 = T.float32(0)", conventions.flat_bindings),
    Convention("A = T.decl_buffer((8,))", "A = T.alloc_buffer((8,))", conventions.declared_allocations),
    Convention('A = T.allocate([8], "int8", "local")', 'A = T.alloc_buffer((8,), "int8", …)', conventions.allocations),
    Convention("A_1 = T.Buffer((8,), data=A.data); A_1[0]", "A[0]", conventions.used_undeclared),
)
#: Of the other side: what cannot be written there, as the older side has one word for both.
NEWER_TVM = (
    Convention(
        "A = T.alloc_buffer((8,)); A_1 = T.decl_buffer((8,), data=A.data)",
        "A = T.alloc_buffer((8,))",
        conventions.folded_declarations,
    ),
    Convention("A_1 = T.Buffer((8,), data=A.data); A_1[0]", "A[0]", conventions.used_undeclared),
)
#: Of the side that describes layouts with lists, beside one that has tuples.
LAYOUT_LISTS = Convention("Layout([8] -> [_i])", "Layout((8,) -> (_i,))", conventions.layout_tuples)
#: Of the side whose fragments say their threads, beside one whose fragments have no such field.
THREAD_RANGES = Convention(
    "Fragment(…, thread_range: I.Range(0, 128))", "Fragment(…)", conventions.layouts_without_thread_range
)


@dataclass(frozen=True)
class Printed:
    """The texts of one trace in the spelling of a comparison."""

    file: TraceFile
    conventions: tuple[Convention, ...] = ()
    _recorded: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)
    _compared: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def lines(self, digest: str | None) -> tuple[str, ...]:
        """As many lines as the recorded text has; one that says nothing of its own is empty."""
        if digest is None:
            return ()
        if digest not in self._compared:
            # A map has no order, and two builds of one release may write it in another.
            lines: Sequence[str] = conventions.ordered_declarations(conventions.ordered_maps(self.recorded(digest)))
            for convention in self.conventions:
                lines = convention.respell(lines)
            self._compared[digest] = tuple(lines)
        return self._compared[digest]

    def recorded(self, digest: str | None) -> tuple[str, ...]:
        """The lines as the release wrote them."""
        if digest is None:
            return ()
        if digest not in self._recorded:
            self._recorded[digest] = lines_of(self.file.text(digest))
        return self._recorded[digest]


def in_one_spelling(baseline: TraceFile, candidate: TraceFile) -> tuple[Printed, Printed]:
    """Both sides as they are compared; sides that write alike are left as they are."""
    ours, theirs = _Habits.of(baseline), _Habits.of(candidate)
    return Printed(baseline, ours.beside(theirs)), Printed(candidate, theirs.beside(ours))


_DEFINITION = re.compile(r"# \w+#[0-9a-f]{8} = (\w+)\(([\[(]).*")


@dataclass(frozen=True)
class _Habits:
    """How a release writes, as far as its trace shows; ``None`` where the trace has nothing of the kind."""

    namespace: str
    layout_lists: bool | None
    thread_ranges: bool | None

    @classmethod
    def of(cls, file: TraceFile) -> _Habits:
        lines = {line for text in file.texts.values() for line in lines_of(text) if line.startswith("# ")}
        found = [match for line in lines if (match := _DEFINITION.match(line))]
        fragments = [match[0] for match in found if match[1] == "Fragment"]
        return cls(
            namespace=file.trace.build.tir_namespace,
            layout_lists=any(match[2] == "[" for match in found) if found else None,
            thread_ranges=any("thread_range: " in text for text in fragments) if fragments else None,
        )

    def beside(self, other: _Habits) -> tuple[Convention, ...]:
        """What of this side has to be brought to one spelling with ``other``."""
        kept: tuple[Convention, ...] = ()
        if {self.namespace, other.namespace} == {"tir", "tirx"}:
            kept += OLDER_TVM if self.namespace == "tir" else NEWER_TVM
        if self.layout_lists and other.layout_lists is False:
            kept += (LAYOUT_LISTS,)
        if self.thread_ranges and other.thread_ranges is False:
            kept += (THREAD_RANGES,)
        return kept
