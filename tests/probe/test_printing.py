"""Printing without TVM: what is stripped, and that metadata never stays a number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scaffold.probe import printing
from scaffold.probe.printing import print_module

BANNER = "# from tvm.script import ir as I\n# from tvm.script import tirx as T\n\n"


class Scripted:
    def __init__(self, text: str) -> None:
        self.text = text

    def script(self, *, show_meta: bool) -> str:
        assert show_meta
        return self.text


def test_print_module_drops_the_banner_of_either_era() -> None:
    for era in ("tir", "tirx"):
        text = f"# from tvm.script import ir as I\n# from tvm.script import {era} as T\n\n@I.ir_module\nclass Module:\n"
        assert print_module(Scripted(text)) == "@I.ir_module\nclass Module:\n"


def with_layouts(first: str, second: str) -> str:
    literal = '{\\n  \\"root_index\\": 1\\n}'
    return (
        f'{BANNER}metadata = tvm.ir.load_json("""{literal}{first}{second}""")\n\n@I.ir_module\nclass Module:\n'
        '    layout_map = {A: metadata["tl.Layout"][0], B: metadata["tl.Layout"][1], C: metadata["tl.Layout"][0]}\n'
    )


def test_print_module_writes_every_layout_out_by_content(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(call: str) -> dict[tuple[str, int], tuple[str, str]]:
        assert call.startswith('tvm.ir.load_json("""')
        assert call.endswith('""")')
        return {
            ("tl.Layout", 0): ("Layout#aaaaaaaa", "Layout((4) -> i)"),
            ("tl.Layout", 1): ("Layout#bbbbbbbb", "Layout((8) -> i)"),
        }

    monkeypatch.setattr(printing, "_load_metadata", load)
    text = print_module(Scripted(with_layouts("a", "b")))
    assert "metadata" not in text
    assert "A: Layout#aaaaaaaa, B: Layout#bbbbbbbb, C: Layout#aaaaaaaa" in text
    assert text.count("# Layout#aaaaaaaa = Layout((4) -> i)") == 1
    assert text.endswith("# Layout#bbbbbbbb = Layout((8) -> i)\n")


def test_an_object_that_prints_as_its_address_is_told_by_its_fields() -> None:
    """``tl.ReducerInfo`` of 0.1.9: the same in every process, and not the same as one with other fields."""

    def reducer(address: str, op: str) -> Any:
        fields = [SimpleNamespace(name="op"), SimpleNamespace(name="rep")]
        info = SimpleNamespace(fields=fields)
        kind = type("ReducerInfo", (), {"__str__": lambda _: f"tl.ReducerInfo({address})"})
        made: Any = kind()
        made.__tvm_ffi_type_info__, made.op, made.rep = info, op, "all"
        return made

    one, again, other = reducer("0x55f3aa01", "sum"), reducer("0x7f00bb02", "sum"), reducer("0x55f3aa01", "max")
    assert printing._describe(one) == printing._describe(again) == "tl.ReducerInfo() op=sum, rep=all"
    assert printing._describe(other) != printing._describe(one)
    assert printing._describe("Layout((4, 4) -> i * 4)") == "Layout((4, 4) -> i * 4)"
