"""Passes in C++, however they are named and registered."""

from __future__ import annotations

import pytest
from passtree import cpp

from scaffold.builds.passes.cpp import CppFile, read_cpp
from scaffold.builds.passes.cpp_text import blanked, closing, constant_text, constants_of, expanded, macros_of, split


def read(text: str, constants: dict[str, str] | None = None) -> CppFile:
    macros = {macro.name: macro for macro in macros_of(text, ("Pass(", "transform."))}
    return read_cpp("src/x.cc", text, {**(constants or {}), **dict(constants_of(text))}, macros)


@pytest.mark.parametrize(
    "register",
    [
        'TVM_REGISTER_GLOBAL("tl.transform.Lower").set_body_typed(Lower);',
        'TVM_FFI_REGISTER_GLOBAL("tl.transform.Lower")\n    .set_body_typed(Lower);',
        'TVM_FFI_STATIC_INIT_BLOCK({\n  refl::GlobalDef().def("tl.transform.Lower", Lower);\n});',
        'TVM_FFI_STATIC_INIT_BLOCK() {\n  refl::GlobalDef().def("tl.transform.Lower",\n      Lower);\n}',
        'refl::GlobalDef().def("tl.transform.Lower", tvm::tl::Lower);',
        'refl::GlobalDef().def("tl.transform.Lower", static_cast<Pass (*)()>(Lower));',
        'refl::GlobalDef().def("tl.transform.Lower", [](bool flag) { return Lower(); });',
        'refl::GlobalDef().def("tl.transform.Other", Other).def("tl.transform.Lower", Lower);',
    ],
)
def test_registration_of_every_release_leads_to_its_function(register: str) -> None:
    found = [item for item in read(cpp('"tl.Lower"', register)).registrations if item.name == "tl.transform.Lower"]
    assert len(found) == 1
    assert "Lower" in found[0].functions


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("tvm::transform::Pass Lower() {", 3),
        ("static Pass Lower(bool a, std::function<int(int, int)> b) {", 3),
        ("Pass\nLower() {", 4),
        ("namespace tl {\nPass Before();\nPass Lower() {", 5),
    ],
)
def test_pass_is_where_its_function_begins(head: str, line: int) -> None:
    (found,) = read(cpp('"tl.Lower"', "", head)).passes
    assert (found.name, found.function, found.line) == ("tl.Lower", "Lower", line)


@pytest.mark.parametrize(
    "name",
    [
        '"tl.Lower"',
        '/*name=*/"tl.Lower"',
        '"tl." "Lower"',
        'kPrefix "Lower"',
        "kName",
        "attr::kName",
        "LOWER_NAME",
    ],
)
def test_name_may_be_a_literal_or_a_constant(name: str) -> None:
    constants = 'constexpr const char kName[] = "tl."\n    "Lower";\n#define LOWER_NAME "tl.Lower"\n'
    constants += '#define kPrefix "tl."\n'
    (found,) = read(constants + cpp(name, "")).passes
    assert found.name == "tl.Lower"


def test_name_that_is_only_known_at_run_time_is_no_pass() -> None:
    assert read(cpp("pass_name", "")).passes == ()
    assert read(cpp('"tl." + suffix', "")).passes == ()


def test_macro_makes_and_registers_a_pass_at_its_use() -> None:
    text = (
        "#define MAKE(Name, Level)                                  \\\n"
        "  Pass Name() {                                            \\\n"
        '    return CreatePrimFuncPass(f, Level, "tl." #Name, {});  \\\n'
        "  }                                                        \\\n"
        '  refl::GlobalDef().def("tl.transform." #Name, Name);\n'
        "\n"
        "MAKE(Lower, 0)\n"
        "  MAKE(FoldAll, 1)\n"
    )
    found = read(text)
    assert [(item.name, item.line) for item in found.passes] == [("tl.Lower", 7), ("tl.FoldAll", 8)]


def test_sequence_with_a_name_is_a_pass_beside_those_it_runs() -> None:
    text = (
        "Pass Hoist() {\n"
        '  auto inner = CreatePrimFuncPass(f, 0, "tl.InsertHoist", {});\n'
        '  return Sequential({inner, Simplify()}, "tl.Hoist");\n'
        "}\n"
        "Pass Nameless() { return Sequential(passes); }\n"
    )
    found = read(text).passes
    assert [(item.name, item.function, item.line) for item in found] == [
        ("tl.InsertHoist", "Hoist", 1),
        ("tl.Hoist", "Hoist", 1),
    ]


@pytest.mark.parametrize("create", ["CreateModulePass", "tvm::transform::CreateModulePass", "CreateFunctionPass"])
def test_every_kind_of_pass_is_found(create: str) -> None:
    (found,) = read(cpp('"tl.Lower"', "").replace("CreatePrimFuncPass(pass_func", f"{create}(pass_func")).passes
    assert found.name == "tl.Lower"


def test_declaration_comment_and_string_are_no_passes() -> None:
    text = (
        "Pass CreatePrimFuncPass(std::function<PrimFunc(PrimFunc, Ctx)> f, int level, String name);\n"
        '// CreatePrimFuncPass(f, 0, "tl.A", {});\n'
        '/* CreatePrimFuncPass(f, 0, "tl.B", {}); */\n'
        'const char *s = "CreatePrimFuncPass(f, 0, \\"tl.C\\", {})";\n'
        'auto r = R"x(CreatePrimFuncPass(f, 0, "tl.D", {}))x";\n'
    )
    assert read(text).passes == ()


def test_configs_are_those_of_the_file_but_not_of_another_pass() -> None:
    text = (
        "bool Helper(Ctx c) { return c->GetConfig<Optional<Bool>>(kShared).value(); }\n"
        'Pass A() { c->GetConfig<Bool>("tl.of_a", Bool(true)); return CreatePrimFuncPass(f, 0, "tl.A", {}); }\n'
        'Pass B() { return CreatePrimFuncPass(f, 0, "tl.B", {}); }\n'
    )
    found = read(text, {"kShared": "tl.shared"}).passes
    assert {item.name: item.configs for item in found} == {"tl.A": ("tl.of_a", "tl.shared"), "tl.B": ("tl.shared",)}


def test_blanked_keeps_every_position() -> None:
    source = "a /* ( \n */ 'x' '(' \"(\\\"\" // {\nb(1'000, \"c\")"
    code = blanked(source)
    assert len(code.text) == len(code.bare) == len(source)
    assert code.bare.count("\n") == source.count("\n")
    assert "(" not in code.bare[: code.bare.index("b(")]
    assert split(code, code.bare.index("b(") + 1) == ["1'000", '"c"']
    assert code.line(code.bare.index("b(")) == 3


def test_bracket_that_never_closes_ends_with_the_text() -> None:
    assert closing("f(a, {b}", 1) == 8
    assert split(blanked("f(a, b"), 1) == []


def test_parameter_is_replaced_outside_of_strings_only() -> None:
    (macro,) = macros_of('#define M(a, b) Pass(a##_x, "a", #b, ab)\n', ("Pass(",))
    assert expanded(macro, ("one", "two")) == ' Pass(one_x, "a", "two", ab)'


@pytest.mark.parametrize("expression", ["", "x", '"a" + b', "f()"])
def test_expression_that_is_no_constant_has_no_text(expression: str) -> None:
    assert constant_text(expression, {}) is None
