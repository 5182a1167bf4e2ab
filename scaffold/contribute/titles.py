"""Titles, slugs and subsystems: ``[Kind][Subsystem] Imperative sentence``, as nine in ten of upstream's are.

Source: the subjects of the last 500 commits before a35008a42; 460 begin with a tag, the second tag is the subsystem.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.contribute.kinds import Kind
from scaffold.errors import UsageError

_TAGS = re.compile(r"^(?:\s*\[([^\]\[]+)\])+")
_TAG = re.compile(r"\[([^\]\[]+)\]")
_LONGEST_SLUG = 40
#: GitHub's limit for a title, in characters.
LONGEST_TITLE = 256
#: What nine of ten subjects upstream stay below, with the number that a squash merge adds.
USUAL_LENGTH = 82
_NUMBER = " (#1234)"
#: Folder of a changed file -> the second tag upstream gives it. The longest that fits counts.
_SUBSYSTEMS = {
    "src/transform": "Transform",
    "src/op": "Op",
    "src/layout": "Layout",
    "src/cuda": "CUDA",
    "src/tl_templates/cuda": "CUDA",
    "src/tl_templates/hip": "ROCm",
    "src/rocm": "ROCm",
    "src/metal": "Metal",
    "src/cpu": "CPU",
    "src/runtime": "Runtime",
    "tilelang/language": "Language",
    "tilelang/jit": "JIT",
    "tilelang/cuda": "CUDA",
    "tilelang/rocm": "ROCm",
    "tilelang/metal": "Metal",
    "tilelang/cpu": "CPU",
    "tilelang/autotuner": "Autotune",
    "tilelang/transform": "Transform",
    "tilelang/layout": "Layout",
    "tilelang/engine": "Engine",
    "tilelang/profiler": "Profiler",
    "tilelang/cache": "Cache",
    "tilelang/tools": "Tools",
    "docs": "Docs",
    ".github": "CI",
    "examples": "Example",
}
#: Second tag -> the folder below testing/python where upstream keeps its tests, where it is not the tag in lower case.
_AREAS = {
    "reduce": "language",
    "reducer": "language",
    "lang": "language",
    "copy": "language",
    "atomic": "language",
    "gemm": "language",
    "op": "language",
    "pipeline": "transform",
    "tir": "transform",
    "hopper": "cuda",
    "rocm": "amd",
    "hip": "amd",
    "engine": "jit",
    "ci": "tools",
    "codegen": "language",
    "fp8": "language",
}


@dataclass(frozen=True)
class Title:
    """A title taken apart: ``tags`` in order, ``sentence`` without them."""

    tags: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        return "".join(f"[{tag}]" for tag in self.tags) + (" " if self.tags else "") + self.sentence


def parse_title(text: str) -> Title:
    """Take a title apart; the ``(#N)`` that a squash merge puts behind it is left out."""
    text = re.sub(r"\s*\(#\d+\)\s*$", "", text.strip())
    match = _TAGS.match(text)
    tags = tuple(_TAG.findall(match[0])) if match else ()
    return Title(tags, text[match.end() if match else 0 :].strip())


def full_title(sentence: str, kind: Kind, subsystem: str) -> Title:
    """The title of a pull request; tags that ``sentence`` brings along are kept.

    Raises
    ------
    UsageError
        If it has no words, more than one line, or characters no title holds.
    """
    if "\n" in sentence.strip() or any(unicodedata.category(sign) == "Cc" for sign in sentence.strip()):
        raise UsageError("a title is one line of text", hint="leave the rest to the description")
    given = parse_title(sentence)
    if not re.search(r"\w", given.sentence):
        raise UsageError(f"{sentence!r} says nothing", hint="say what the change does: --title 'Sum short fragments'")
    words = given.sentence[0].upper() + given.sentence[1:].rstrip(".")
    tags = given.tags or ((kind.tag, subsystem) if subsystem and subsystem.lower() != kind.tag.lower() else (kind.tag,))
    return Title(tags, words)


def beyond_usual(title: str) -> str:
    """What is said of a title longer than upstream's; empty where it is not."""
    length = len(title.strip())
    whole = length + len(_NUMBER)
    if whole <= USUAL_LENGTH:
        return ""
    return f"{length} characters, {whole} with the number that is added: most stay below {USUAL_LENGTH}"


def slug_of(text: str) -> str:
    """``sum_short_fragment``: what files and branches of a change are called; letters, digits and ``_`` alone.

    Raises
    ------
    UsageError
        If nothing is left of it.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower())
    kept: list[str] = []
    for word in (word for word in words if word not in ("a", "an", "the", "of", "to", "in", "on", "for", "and")):
        if kept and len("_".join([*kept, word])) > _LONGEST_SLUG:
            break
        kept.append(word[:_LONGEST_SLUG])
    if not kept:
        raise UsageError(f"no file can be called after {text!r}", hint="say a name: --slug short_fragment")
    return "_".join(kept)


def pascal_of(slug: str) -> str:
    return "".join(word.capitalize() for word in slug.split("_"))


def subsystem_of(paths: Sequence[str]) -> str:
    """The subsystem most of ``paths`` belong to, as upstream tags it; empty where none is known."""
    found = Counter(name for path in paths if (name := _subsystem(path)))
    return found.most_common(1)[0][0] if found else ""


def _subsystem(path: str) -> str:
    fitting = [folder for folder in _SUBSYSTEMS if path.startswith(f"{folder}/")]
    return _SUBSYSTEMS[max(fitting, key=len)] if fitting else ""


def area_of(subsystem: str, areas: Sequence[str], *, otherwise: str = "language") -> str:
    """The folder below ``testing/python`` for a subsystem, of those there are."""
    word = subsystem.lower()
    for name in (word, _AREAS.get(word, ""), otherwise):
        if name in areas:
            return name
    return areas[0] if areas else otherwise
