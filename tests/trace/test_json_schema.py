"""The published JSON Schemas follow the models, and not the library that derives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from scaffold.report.schemas import PUBLISHED_SCHEMAS
from scaffold.trace.json_schema import breaking_changes, schema_of

PACKAGE = Path(__file__).parents[2] / "scaffold"


@pytest.mark.parametrize("path", PUBLISHED_SCHEMAS)
def test_published_schema_means_what_the_models_say(path: str) -> None:
    published = json.loads((PACKAGE / path).read_text(encoding="utf-8"))
    derived = PUBLISHED_SCHEMAS[path]()
    assert set(published["$defs"]) == set(derived["$defs"]), "run: nox -s docs -- --only schemas"  # type: ignore[call-overload]
    assert breaking_changes(published, derived) == [], "run: nox -s docs -- --only schemas"
    assert breaking_changes(derived, published) == [], "run: nox -s docs -- --only schemas"


def test_every_published_schema_is_listed() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.schema.json")}
    assert found == set(PUBLISHED_SCHEMAS)


@dataclass
class Inner:
    """What is inside.

    A second paragraph.
    """

    numbers: list[int] = field(default_factory=list)
    label: str = ""


@dataclass
class Document:
    """A document."""

    kind: Literal["b", "a"]
    inner: Inner
    note: str | None = None


def as_msgspec_0_19(schema: dict[str, Any]) -> None:
    """A docstring as it is indented in the source; no default that a factory makes."""
    schema["description"] = "What is inside.\n\n    A second paragraph.\n    "
    schema["properties"]["numbers"].pop("default", None)


def as_msgspec_0_23(schema: dict[str, Any]) -> None:
    schema["description"] = "What is inside.\n\nA second paragraph."
    schema["properties"]["numbers"]["default"] = []


def spelled(rewrite: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch) -> str:
    derive = msgspec.json.schema_components

    def derived(*arguments: Any, **options: Any) -> Any:
        references, components = derive(*arguments, **options)
        rewrite(components["Inner"])
        return references, components

    with monkeypatch.context() as patched:
        patched.setattr(msgspec.json, "schema_components", derived)
        return json.dumps(schema_of("document", [Document], 1), sort_keys=True)


def test_schema_is_the_same_in_the_spelling_of_every_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spelled(as_msgspec_0_19, monkeypatch) == spelled(as_msgspec_0_23, monkeypatch)


def test_schema_states_its_version_and_keeps_a_property_that_is_called_default() -> None:
    named = msgspec.defstruct("Named", [("default", str), ("description", int)])
    properties = schema_of("named", [named], 3)["$defs"]["Named"]["properties"]
    assert properties["schema_version"] == {"const": 3}
    assert properties["default"] == {"type": "string"}
    assert properties["description"] == {"type": "integer"}


def schema_with(version: int = 1, **fields: Any) -> dict[str, Any]:
    """A schema of one model; a field with a default is ``(type, default)``."""
    listed = [(name, *(kind if isinstance(kind, tuple) else (kind,))) for name, kind in fields.items()]
    return schema_of("x", [msgspec.defstruct("Root", listed)], version)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (schema_with(name=str, count=int), []),
        (schema_with(name=str, count=int, more=str), []),
        (schema_with(2, name=int), []),
        (schema_with(name=str), ["Root.count is gone"]),
        (schema_with(name=str, count=(int, 0)), ["Root.count may be missing"]),
        (schema_with(name=str | None, count=int), ['Root.name may be {"type": "null"}']),
        (schema_with(name=str, count=float), ['Root.count may be {"type": "number"}']),
    ],
    ids=["same", "more", "raised", "gone", "optional", "null", "type"],
)
def test_breaking_change_is_what_a_reader_does_not_expect(changed: dict[str, Any], expected: list[str]) -> None:
    assert breaking_changes(schema_with(name=str, count=int), changed) == expected


def test_breaking_change_of_a_closed_set_is_a_new_member() -> None:
    few, many = (schema_with(kind=Literal[members]) for members in (("a", "b"), ("a", "b", "c")))
    assert breaking_changes(many, few) == []
    assert breaking_changes(few, many) == ['Root.kind may be "c"']
