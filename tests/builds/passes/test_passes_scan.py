"""A whole tree: C++, Python, tests and docs joined by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from passtree import TREE, package
from sources import write

from scaffold.builds.passes.index import SCHEMA_VERSION, PassEntry, PassIndex, Place, Tree
from scaffold.builds.passes.layout import Layout, signature
from scaffold.builds.passes.mentions import is_telling, snake_case
from scaffold.builds.passes.scan import scan


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "tree", TREE)


def index(root: Path) -> PassIndex:
    layout = Layout.of_repository(root)
    code = Tree(label="worktree", version="1.2.3", folder=str(root))
    passes = scan(layout, layout)
    return PassIndex(schema_version=SCHEMA_VERSION, build="worktree", code=code, texts=code, passes=passes)


def entry(root: Path, name: str) -> PassEntry:
    (found,) = [item for item in index(root).passes if item.name == name]
    return found


def test_tree_has_these_passes_and_no_others(tree: Path) -> None:
    names = [(item.name, item.kind, item.project) for item in index(tree).passes]
    assert names == [
        ("tl.FoldAll", "c++", "tilelang"),
        ("pass_fn (Hoist)", "python", "tilelang"),
        ("tl.Lower", "c++", "tilelang"),
        ("tl.Named", "python", "tilelang"),
        ("tl.WarpRoles", "c++", "tilelang"),
        ("tirx.FoldAll", "c++", "tvm"),
    ]


def test_pass_of_cpp_has_its_source_wrapper_config_and_callers(tree: Path) -> None:
    found = entry(tree, "tl.Lower")
    assert found.source == Place("src/transform/lower.cc", 3)
    assert found.wrapper == Place("tilelang/transform/__init__.py", 5)
    assert (found.registered, found.constructor) == ("tl.transform.Lower", "Lower")
    assert found.configs == ("tl.fast",)
    assert [str(call) for call in found.callers] == ["tilelang/cuda/pipeline.py:7", "tilelang/cuda/pipeline.py:11"]
    assert {(call.backend, call.function) for call in found.callers} == {("cuda", "run")}


def test_source_line_holds_the_definition(tree: Path) -> None:
    for item in index(tree).passes:
        assert item.source
        line = (tree / item.source.path).read_text().splitlines()[item.source.line - 1]
        assert item.constructor in line, item


def test_passes_of_one_name_are_told_apart_by_imports(tree: Path) -> None:
    ours, theirs = entry(tree, "tl.FoldAll"), entry(tree, "tirx.FoldAll")
    assert [str(call) for call in ours.callers] == ["tilelang/cuda/pipeline.py:8"]
    assert [str(call) for call in theirs.callers] == ["tilelang/cuda/pipeline.py:9"]
    assert theirs.wrapper == Place("3rdparty/tvm/python/tvm/tirx/transform/transform.py", 4)


def test_tests_are_found_by_call_by_file_name_and_by_word(tree: Path) -> None:
    assert [(str(item), item.calls) for item in entry(tree, "tl.FoldAll").tests] == [
        ("testing/python/transform/test_lower.py:5", True),
        ("testing/python/transform/test_fold_all.py:1", False),
    ]
    assert [(str(item), item.calls) for item in entry(tree, "tl.WarpRoles").tests] == [
        ("testing/python/issue/test_words.py:1", False)
    ]
    # A word that is plain English counts only with its prefix.
    assert [str(item) for item in entry(tree, "tl.Lower").tests] == ["testing/python/issue/test_words.py:1"]


def test_docs_are_told_apart_by_prefix(tree: Path) -> None:
    assert [str(item) for item in entry(tree, "tirx.FoldAll").docs] == ["docs/passes.md:3"]
    assert [str(item) for item in entry(tree, "tl.FoldAll").docs] == ["docs/passes.md:3"]
    write(tree, {"docs/passes.md": "Only `tirx.transform.FoldAll`.\n"})
    assert entry(tree, "tl.FoldAll").docs == ()


def test_wheel_gives_the_same_paths_and_neither_tests_nor_docs(tree: Path, tmp_path: Path) -> None:
    layout = Layout.of_package(write(tmp_path / "site-packages", package()) / "tilelang")
    found = scan(layout, layout)
    expected = index(tree).passes
    assert [(item.name, item.source, item.wrapper, item.callers) for item in found] == [
        (item.name, item.source, item.wrapper, item.callers) for item in expected
    ]
    assert [item for item in found if item.tests or item.docs] == []


def test_package_without_cpp_still_knows_its_wrappers(tmp_path: Path) -> None:
    files = {path: text for path, text in package().items() if not path.endswith((".cc", ".h"))}
    found = {item.name: item for item in scan(Layout.of_package(write(tmp_path, files) / "tilelang"), None)}
    assert found["tl.WarpRoles"].source is None
    assert found["tl.WarpRoles"].wrapper == Place("tilelang/cuda/transform/__init__.py", 4)
    assert [str(call) for call in found["tl.WarpRoles"].callers] == ["tilelang/cuda/pipeline.py:10"]


def test_function_that_makes_another_pass_at_times_is_no_call_of_it(tree: Path) -> None:
    wrapper = "from . import _ffi_api\n\n\ndef Lower(basic):\n"
    wrapper += "    return _ffi_api.LowerBasic() if basic else _ffi_api.Lower()\n"
    cpp = TREE["src/transform/lower.cc"]
    basic = cpp.replace("tl.Lower", "tl.LowerBasic").replace("Lower()", "LowerBasic()")
    basic = basic.replace('"tl.transform.Lower", Lower', '"tl.transform.LowerBasic", LowerBasic')
    write(tree, {"src/transform/basic.cc": basic, "tilelang/transform/__init__.py": wrapper})
    assert entry(tree, "tl.LowerBasic").wrapper == Place("tilelang/transform/__init__.py", 4)
    assert entry(tree, "tl.LowerBasic").callers == ()
    assert len(entry(tree, "tl.Lower").callers) == 2


def test_analysis_exposed_beside_a_pass_does_not_take_its_place(tree: Path) -> None:
    text = TREE["src/transform/lower.cc"].replace(
        "refl::", 'refl::GlobalDef().def("tl.analysis.lower", Lower);\nrefl::'
    )
    write(tree, {"src/transform/lower.cc": text})
    assert entry(tree, "tl.Lower").registered == "tl.transform.Lower"


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("tl.Lower", ["tl.Lower"]),
        ("lower", ["tl.Lower"]),
        ("FoldAll", ["tl.FoldAll", "tirx.FoldAll"]),
        ("tirx.FoldAll", ["tirx.FoldAll"]),
        ("Hoist", ["pass_fn (Hoist)"]),
        ("pass_fn (Hoist)", ["pass_fn (Hoist)"]),
        ("tl.cuda.transform.WarpRoles", ["tl.WarpRoles"]),
        ("pass_fn", []),
        ("Low", []),
    ],
)
def test_find_takes_the_names_one_may_type(tree: Path, wanted: str, names: list[str]) -> None:
    assert [item.name for item in index(tree).find(wanted)] == names


@pytest.mark.parametrize(("typo", "meant"), [("Lowr", "Lower"), ("warp_roles", "WarpRoles"), ("tl.Hoit", "Hoist")])
def test_near_names_what_a_typo_meant(tree: Path, typo: str, meant: str) -> None:
    assert meant in index(tree).near(typo)
    assert index(tree).near("qqqqqq") == []


def test_matching_looks_at_names_and_paths(tree: Path) -> None:
    assert [item.name for item in index(tree).matching("cuda/transform")] == ["tl.WarpRoles"]
    assert [item.name for item in index(tree).matching("NAMED")] == ["tl.Named"]


def test_signature_changes_with_any_file(tree: Path) -> None:
    layout = Layout.of_repository(tree)
    before = signature(layout.cpp())
    assert signature(layout.cpp()) == before
    write(tree, {"src/transform/new.cc": ""})
    assert signature(layout.cpp()) != before


@pytest.mark.parametrize(
    ("path", "line", "url"),
    [
        ("src/a.cc", 3, "https://x/t#L3"),
        ("3rdparty/tvm/src/b.cc", 4, "https://tvm/c/src/b.cc#L4"),
        ("src/changed.cc", 3, ""),
    ],
)
def test_link_leads_to_the_line_or_nowhere(path: str, line: int, url: str) -> None:
    tree = Tree(
        label="", version="", folder="", url="https://x/t", tvm_url="https://tvm/c", changed=("src/changed.cc",)
    )
    assert tree.link(path, line) == url.replace("/t#", "/t/src/a.cc#")
    everything = Tree(label="", version="", folder="", url="https://x/t", changed=("*",))
    assert everything.link(path, line) == ""
    assert Tree(label="", version="", folder="").link(path, line) == ""


@pytest.mark.parametrize(
    ("name", "snake", "telling"),
    [
        ("LowerTileOp", "lower_tile_op", True),
        ("MakePackedAPI", "make_packed_api", True),
        ("LowerLDGSTG", "lower_ldgstg", True),
        ("Simplify", "simplify", False),
    ],
)
def test_words_of_a_name(name: str, snake: str, telling: bool) -> None:
    assert snake_case(name) == snake
    assert is_telling(name) is telling
