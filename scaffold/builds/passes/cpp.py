"""Find passes in C++: where one is made, by what name, and what name exposes it to Python.

A pass is made by ``CreatePrimFuncPass(function, level, "tl.Name", {})`` and its like, or by ``Sequential({...},
"tl.Name")``, in a function that returns ``Pass``. Python gets at that function by a global name: TileLang 0.1.5 says
``TVM_REGISTER_GLOBAL("tl.transform.Name").set_body_typed(Name)``, 0.1.6 and later
``refl::GlobalDef().def("tl.transform.Name", Name)``. Nothing is compiled: comments and strings are blanked out, and
brackets matched. That is enough for code as ``clang-format`` leaves it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scaffold.builds.passes.cpp_text import Code, Macro, blanked, closing, constant_text, expanded, macro_uses, split

_CREATE = re.compile(r"\b(?P<what>Create\w*Pass|Sequential)\s*\(")
_FUNCTION = re.compile(r"^(?:[\w:]+[ \t&*]+)*?[\w:]*\bPass\s+(?P<name>[\w:]+)\s*\(", re.MULTILINE)
_REGISTER = re.compile(
    r'\b(?:TVM_REGISTER_GLOBAL|TVM_FFI_REGISTER_GLOBAL)\s*\(\s*"(?P<macro>[\w.]+)"\s*\)\s*\.\s*set_body\w*\s*\('
    r'|\.\s*def\w*\s*\(\s*"(?P<method>[\w.]+)"\s*,'
)
_CONFIG = re.compile(r"\bGetConfig\s*<[^;(){}]*>\s*\(")
_NAME_ARGUMENT = {"Sequential": 1}
_DOTTED = re.compile(r"[A-Za-z_][\w.]*\Z")


@dataclass(frozen=True)
class CppPass:
    """A pass as C++ makes it: its name, and the function that does, with the line where that begins."""

    name: str
    path: str
    line: int
    function: str
    configs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registration:
    """A global name, and what it may stand for: words that may be functions, and passes made in place."""

    name: str
    path: str
    functions: tuple[str, ...]
    passes: tuple[CppPass, ...]


@dataclass(frozen=True)
class CppFile:
    passes: tuple[CppPass, ...]
    registrations: tuple[Registration, ...]


@dataclass(frozen=True)
class _Function:
    name: str
    start: int
    end: int


def may_have_passes(text: str, macros: Mapping[str, Macro]) -> bool:
    """Whether a closer look is worth its time."""
    if any(word in text for word in ("Pass(", "Sequential(", "transform.", "_REGISTER_GLOBAL")):
        return True
    return any(name in text for name in macros)


def read_cpp(path: str, text: str, constants: Mapping[str, str], macros: Mapping[str, Macro]) -> CppFile:
    """The passes and registrations of one file; ``constants`` and ``macros`` are those of the whole project."""
    code = blanked(text)
    passes, registrations = _read(path, code, constants)
    for use in macro_uses(code, macros):
        inner = blanked(expanded(use.macro, use.arguments))
        line = code.line(use.at)
        made, exposed = _read(path, inner, constants)
        at_use = [replace(item, line=line) for item in made]
        passes += at_use
        moved = dict(zip(made, at_use, strict=True))
        registrations += [replace(item, passes=tuple(moved[inside] for inside in item.passes)) for item in exposed]
    return CppFile(tuple(passes), tuple(registrations))


def _read(path: str, code: Code, constants: Mapping[str, str]) -> tuple[list[CppPass], list[Registration]]:
    functions = list(_functions(code))
    read = list(_configs(code, constants))
    made: list[tuple[int, CppPass]] = []
    for at, name in _names(code, constants):
        around = _innermost(functions, at)
        line = code.line(around.start if around else at)
        keys = _own_keys(read, functions, around)
        made.append((at, CppPass(name, path, line, around.name if around else "", keys)))
    return [item for _, item in made], list(_registrations(path, code, made))


def _names(code: Code, constants: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Where a pass is made, and by what name; a declaration and a name that is not known here are left out."""
    for match in _CREATE.finditer(code.bare):
        arguments = split(code, match.end() - 1)
        position = _NAME_ARGUMENT.get(match["what"], 2)
        if len(arguments) <= position:
            continue
        name = constant_text(arguments[position], constants)
        if name is not None and _DOTTED.match(name):
            yield match.start(), name


def _functions(code: Code) -> Iterator[_Function]:
    """Functions that return a pass, with their bodies."""
    for match in _FUNCTION.finditer(code.bare):
        after = closing(code.bare, match.end() - 1)
        brace = re.compile(r"\s*(?:noexcept\s*)?\{").match(code.bare, after)
        if brace:
            end = closing(code.bare, brace.end() - 1)
            yield _Function(match["name"].rpartition(":")[2], match.start("name"), end)


def _innermost(functions: Sequence[_Function], at: int) -> _Function | None:
    around = [item for item in functions if item.start < at < item.end]
    return max(around, key=lambda item: item.start, default=None)


def _configs(code: Code, constants: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    for match in _CONFIG.finditer(code.bare):
        arguments = split(code, match.end() - 1)
        key = constant_text(arguments[0], constants) if arguments else None
        if key:
            yield match.start(), key


def _own_keys(
    read: Iterable[tuple[int, str]], functions: Sequence[_Function], own: _Function | None
) -> tuple[str, ...]:
    """Keys the file reads anywhere but in the function of another of its passes."""
    keys = {key for at, key in read if _innermost(functions, at) in (None, own)}
    return tuple(sorted(keys))


def _registrations(path: str, code: Code, made: Sequence[tuple[int, CppPass]]) -> Iterator[Registration]:
    for match in _REGISTER.finditer(code.text):
        bracket = code.bare.rfind("(", match.start(), match.end())
        end = closing(code.bare, bracket)
        functions = tuple(dict.fromkeys(re.findall(r"[A-Za-z_]\w*", code.bare[match.end() : end - 1])))
        inside = tuple(item for at, item in made if match.end() <= at < end)
        yield Registration(match["macro"] or match["method"], path, functions, inside)
