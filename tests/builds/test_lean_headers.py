"""TVM's headers without what only TVM compiles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.builds.native import lean_headers
from scaffold.builds.native.lean_headers import MARK, leave_out_registration, write_lean_headers

DECLARED = f'static void RegisterReflection() __attribute__((error("{MARK}")));'
HEADER = """\
class A : public Object {
 public:
  int x;
  static void RegisterReflection() {
    refl::ObjectDef<A>().def_ro("x", &A::x);
  }
  static constexpr int kLine = __LINE__;
};
"""


@pytest.mark.parametrize(
    "body",
    [
        "f();",
        "",
        "if (a) { b(); } else { c({1, 2}); }",
        's("}"); t("\\"}{");',
        "c('}'); d('\\''); e('{');",
        "// }\n f();",
        "/* } { */ f();",
        "/* } */ /* /* */ f();",
        '// "\n f();',
        'int64_t x = 1\'000; s("}");',
        "auto f = [](int i) { return std::vector<int>{i}; };",
        'namespace refl = tvm::ffi::reflection;\n\n refl::ObjectDef<A>()\n     .def_ro("x", &A::x, refl::S("{"));',
    ],
)
def test_a_body_goes_whole_and_nothing_else(body: str) -> None:
    before, after = "struct A { int x;\n", " int y; };\n"
    lean = leave_out_registration(f"{before}static void RegisterReflection() {{{body}}}{after}")
    assert lean == f"{before}{DECLARED}" + "\n" * body.count("\n") + after


def test_lines_keep_their_numbers() -> None:
    lean = leave_out_registration(HEADER).splitlines()
    assert len(lean) == len(HEADER.splitlines())
    assert lean[6] == HEADER.splitlines()[6]


def test_nested_classes_and_templates_each_lose_their_own() -> None:
    text = (
        "template <typename T> struct Outer {\n"
        "  struct Inner { static  void\n  RegisterReflection ( ) { a(); } int i; };\n"
        "  static void RegisterReflection() { b<T>(); { c(); } }\n"
        "  T value;\n};\n"
    )
    lean = leave_out_registration(text)
    assert lean.count(DECLARED) == 2
    assert not re.search(r"\b[abc](?:<T>)?\(\)", lean)
    assert "int i; };" in lean
    assert lean.endswith("  T value;\n};\n")


def test_a_registration_inside_another_goes_with_it() -> None:
    text = "static void RegisterReflection() { struct L { static void RegisterReflection() { a(); } }; } int z;"
    assert leave_out_registration(text) == f"{DECLARED} int z;"


@pytest.mark.parametrize(
    "text",
    [
        "static void RegisterReflection() { if (a) { b();",
        "class A { static void RegisterReflection(); };",
        "void A::RegisterReflection() { f(); }",
        "TVM_FFI_STATIC_INIT_BLOCK() { A::RegisterReflection(); }",
        "static void RegisterReflection(int version) { f(); }",
    ],
)
def test_what_is_no_whole_definition_stays(text: str) -> None:
    assert leave_out_registration(text) == text


def test_what_is_whole_goes_even_before_one_that_never_ends() -> None:
    assert leave_out_registration(f"{HEADER}static void RegisterReflection() {{").count(DECLARED) == 1


@given(st.text(st.sampled_from("{}()'\"/*\\ \nRaS;:<>"), max_size=200))
def test_text_without_a_registration_is_unchanged(text: str) -> None:
    assert leave_out_registration(text) == text


CODE = st.recursive(
    st.sampled_from(["f();", 'g("}{");', "h('}');", "// }\n", "/* { */", "\n", "x = 1;"]),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: "{" + " ".join(parts) + "}"),
    max_leaves=12,
)


@given(CODE, CODE, CODE)
def test_code_around_a_body_is_untouched(before: str, body: str, after: str) -> None:
    lean = leave_out_registration(f"{before}\nstatic void RegisterReflection() {{{body}\n}}{after}")
    assert lean == f"{before}\n{DECLARED}" + "\n" * (body.count("\n") + 1) + after


def tree(folder: Path) -> Path:
    (folder / "tvm/ir").mkdir(parents=True)
    (folder / "tvm/ir/expr.h").write_text(HEADER)
    (folder / "tvm/ir/plain.h").write_bytes(b"// Gro\xdf\r\nint x;\r\n")
    return folder


def test_a_tree_is_copied_with_its_times(tmp_path: Path) -> None:
    include, target = tree(tmp_path / "include"), tmp_path / "lean"
    write_lean_headers(include, target)
    assert (target / "tvm/ir/expr.h").read_text() == leave_out_registration(HEADER)
    assert (target / "tvm/ir/plain.h").read_bytes() == (include / "tvm/ir/plain.h").read_bytes()
    for name in ("expr.h", "plain.h"):
        assert (target / "tvm/ir" / name).stat().st_mtime_ns == (include / "tvm/ir" / name).stat().st_mtime_ns
    assert (include / "tvm/ir/expr.h").read_text() == HEADER


def test_a_tree_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    include, target = tree(tmp_path / "include"), tmp_path / "lean"

    def interrupt(text: str) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lean_headers, "leave_out_registration", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_lean_headers(include, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["include"]
    write_lean_headers(include, target)
    assert DECLARED in (target / "tvm/ir/expr.h").read_text()
