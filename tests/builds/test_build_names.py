"""The names of builds, and the folders they are kept in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.builds.names import FORMS, BuildName, parse_name
from scaffold.errors import UnknownBuildError


@pytest.mark.parametrize(
    ("text", "kind", "rest", "folder"),
    [
        ("wheel:0.1.15", "wheel", "0.1.15", "wheel-0.1.15"),
        (" wheel:latest ", "wheel", "latest", "wheel-latest"),
        ("wheel:0.1.6.post2", "wheel", "0.1.6.post2", "wheel-0.1.6.post2"),
        ("sdist:0.1.16rc1", "sdist", "0.1.16rc1", "sdist-0.1.16rc1"),
        ("git:main", "git", "main", "git-main"),
        ("git:v0.1.13", "git", "v0.1.13", "git-v0.1.13"),
        ("worktree", "worktree", "", "worktree"),
        ("python:/usr/bin/python3", "python", "/usr/bin/python3", None),
        ("git:feature/a:b", "git", "feature/a:b", None),
    ],
)
def test_parse_name(text: str, kind: str, rest: str, folder: str | None) -> None:
    name = parse_name(text)
    assert (name.kind, name.rest, str(name)) == (kind, rest, text.strip())
    assert folder is None or name.folder == folder
    assert name.from_source == (kind in ("sdist", "git", "worktree"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "wheel:0.1.15"),
        ("0.1.15", "worktree:DIR"),
        ("conda:base", "path:DIR"),
        ("wheel", "a release from the package index"),
        ("wheel:", "a release from the package index"),
        ("wheel:../x", "a release from the package index"),
        ("wheel:0.1.15; rm -rf", "a release from the package index"),
        ("wheel:v0.1.15", "a release from the package index"),
        ("sdist:main", "source archive"),
        ("git", "a commit built from source"),
        ("git:", "a commit built from source"),
        ("worktree:", "a checkout as it is now"),
        ("path", "you built yourself"),
        ("python", "an interpreter that has TileLang"),
    ],
)
def test_parse_anything_else_names_the_forms(text: str, hint: str) -> None:
    with pytest.raises(UnknownBuildError) as caught:
        parse_name(text)
    assert repr(text) in caught.value.message
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["worktree", "path"])
def test_a_folder_is_the_same_wherever_its_name_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "one").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    here = parse_name(f"{kind}:.")
    assert here == parse_name(f"{kind}:{tmp_path}/one") == parse_name(str(here))
    monkeypatch.chdir(tmp_path)
    assert parse_name(f"{kind}:one") == here
    assert parse_name(f"{kind}:.").folder != here.folder
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_name(f"{kind}:~/one") == here


NAMES = st.builds(BuildName, st.sampled_from(sorted(FORMS)), st.text(min_size=1, max_size=80))


@given(NAMES)
def test_a_folder_is_one_plain_word(name: BuildName) -> None:
    folder = name.folder
    assert folder.startswith(name.kind)
    assert Path(folder).name == folder
    assert not folder.startswith(".")
    assert len(folder) <= 80
    assert "\0" not in folder


@given(NAMES, NAMES)
def test_two_names_have_two_folders(one: BuildName, two: BuildName) -> None:
    assert (one.folder == two.folder) == (one == two)


@pytest.mark.parametrize(
    ("one", "two"),
    [("git:a/b", "git:a-b"), ("git:a", "git:a-"), ("git:" + "x" * 61, "git:" + "x" * 60), ("path:/a", "path:/a.")],
)
def test_names_that_look_alike_have_two_folders(one: str, two: str) -> None:
    assert parse_name(one).folder != parse_name(two).folder
