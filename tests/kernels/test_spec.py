"""The grammar of SPECs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.errors import ExitCode, UsageError
from scaffold.kernels.spec import Settings, parse_assignments, parse_spec, split_spec


def test_parse_spec_sorts_items_by_what_they_set() -> None:
    settings = parse_spec(
        "build=wheel:0.1.15, target=cuda:sm_80 ,num_stages=2,tl.disable_warp_specialized=true", flag="--baseline"
    )
    assert settings.build == "wheel:0.1.15"
    assert settings.target == "cuda:sm_80"
    assert dict(settings.parameters) == {"num_stages": "2"}
    assert dict(settings.pass_configs) == {"tl.disable_warp_specialized": "true"}


def test_parse_spec_empty_changes_nothing() -> None:
    assert parse_spec("", flag="--baseline") == Settings()
    assert parse_spec(" , ,", flag="--baseline") == Settings()


def test_parse_spec_value_may_hold_an_equals_sign() -> None:
    assert dict(parse_spec("flags=-O3=x", flag="--set").parameters) == {"flags": "-O3=x"}


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a=1", ["a=1"]),
        ("a=1,b=2", ["a=1", "b=2"]),
        ("A=float16[1024,64],num_stages=2", ["A=float16[1024,64]", "num_stages=2"]),
        ("A=(1,(2,3)),b=2", ["A=(1,(2,3))", "b=2"]),
        ("a=1,,b=2,", ["a=1", "b=2"]),
        ("", []),
    ],
)
def test_split_spec_splits_at_commas_outside_brackets(text: str, items: list[str]) -> None:
    assert split_spec(text) == items


@pytest.mark.parametrize("item", ["num_stages", "=2", "num_stages=", " = ", "target="])
def test_parse_assignments_without_key_or_value_says_the_item_and_the_flag(item: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignments([item], flag="--candidate")
    assert caught.value.message == f"--candidate takes key=value, got {item!r}"
    assert caught.value.hint == "for example: --candidate num_stages=2"
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("key", ["num_stages", "target", "build", "tl.x"])
def test_parse_assignments_one_key_with_two_values_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match=f"--set names '{key}' twice: '1' and '2'"):
        parse_assignments([f"{key}=1", f"{key}=2"], flag="--set")
    assert parse_assignments([f"{key}=1", f"{key}=1"], flag="--set") == parse_assignments([f"{key}=1"], flag="--set")


def test_overlaid_settings_win_and_keep_the_rest() -> None:
    base = parse_spec("build=wheel:1,target=metal,a=1,b=2,tl.x=1", flag="--set")
    top = parse_spec("target=c,b=3,tl.y=2", flag="--set")
    assert base.overlaid(top) == parse_spec("build=wheel:1,target=c,a=1,b=3,tl.x=1,tl.y=2", flag="--set")
    assert base.overlaid(Settings()) == base


def test_settings_can_not_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        parse_spec("a=1", flag="--set").parameters["a"] = "2"  # type: ignore[index]


KEYS = st.sampled_from(["target", "build", "a", "b", "tl.x", "tl.y"])
VALUES = st.sampled_from(["1", "cuda:sm_80", "float16[1,2]", "(1,2)", "x=y"])


@given(st.dictionaries(KEYS, VALUES))
def test_describe_is_a_spec_that_means_the_same(items: dict[str, str]) -> None:
    settings = parse_assignments([f"{key}={value}" for key, value in items.items()], flag="--set")
    assert parse_spec(settings.describe(), flag="--set") == settings
