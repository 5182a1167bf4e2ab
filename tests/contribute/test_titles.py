"""Titles taken apart and put together, and what files are called after them."""

from __future__ import annotations

import pytest

from scaffold.contribute.kinds import find_kind
from scaffold.contribute.titles import area_of, full_title, parse_title, pascal_of, slug_of, subsystem_of
from scaffold.errors import UsageError


@pytest.mark.parametrize(
    ("text", "tags", "sentence"),
    [
        ("[BugFix][Hopper] Select the widest N (#2931)", ("BugFix", "Hopper"), "Select the widest N"),
        ("fix: something", (), "fix: something"),
        ("[Lang] [Reducer]  Allow it", ("Lang", "Reducer"), "Allow it"),
        ("Index A[i] once", (), "Index A[i] once"),
    ],
)
def test_a_title_is_taken_apart(text: str, tags: tuple[str, ...], sentence: str) -> None:
    title = parse_title(text)
    assert (title.tags, title.sentence) == (tags, sentence)


def test_tags_are_added_once_and_those_given_are_kept() -> None:
    bugfix, docs = find_kind("bugfix"), find_kind("docs-fix")
    assert str(full_title("sum it.", bugfix, "Reduce")) == "[BugFix][Reduce] Sum it"
    assert str(full_title("[CUDA] Sum it", bugfix, "Reduce")) == "[CUDA] Sum it"
    assert str(full_title("mend it", docs, "Docs")) == "[Docs] Mend it"


@pytest.mark.parametrize("text", ["", " ", "[Tag] ", "two\nlines", "bell\a", "…"])
def test_what_is_no_title_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        full_title(text, find_kind("bugfix"), "")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Sum a fragment shorter than the block", "sum_fragment_shorter_than_block"),
        ("Preserve guard identity in LoopUnswitching", "preserve_guard_identity_loop_unswitching"),
        ("../../x", "x"),
        ("Überlauf $(rm)", "uberlauf_rm"),
        ("a" * 90, "a" * 40),
    ],
)
def test_a_slug_is_short_plain_and_never_a_path(text: str, slug: str) -> None:
    assert slug_of(text) == slug


def test_a_slug_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no file can be called after"):
        slug_of("…")


def test_names_follow_upstream() -> None:
    assert pascal_of("fold_casts") == "FoldCasts"
    assert subsystem_of(["src/transform/a.cc", "src/transform/b.cc", "docs/x.md"]) == "Transform"
    assert subsystem_of(["src/tl_templates/hip/gemm.h"]) == "ROCm"
    assert subsystem_of(["README.md"]) == ""
    assert area_of("Reduce", ["language", "transform"]) == "language"
    assert area_of("ROCm", ["amd", "language"]) == "amd"
    assert area_of("", ["language", "transform"], otherwise="transform") == "transform"
