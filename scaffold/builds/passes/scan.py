"""Read an index of passes from a tree: C++ and Python for themselves, then joined by their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from scaffold.builds.passes.cpp import CppFile, CppPass, Registration, may_have_passes, read_cpp
from scaffold.builds.passes.cpp_text import Macro, constants_of, macros_of
from scaffold.builds.passes.index import ANONYMOUS, Call, Mention, PassEntry, Place
from scaffold.builds.passes.layout import Layout, SourceFile
from scaffold.builds.passes.mentions import Names, mentions
from scaffold.builds.passes.python import CallSite, PythonFile, PythonPass, Wrapper, ffi_prefix, module_of, read_python

#: Counts up whenever the same tree gives another index.
SCANNER_VERSION = 1

_TELLING = ("Pass(", "transform.")
#: A file of Python outside the folders of passes has nothing to do with them without one of these words.
_WORDS = ("transform", "analysis", "_pass")


@dataclass(frozen=True)
class Scanned:
    """The passes of a tree, and which function makes each: what later calls are matched against."""

    passes: tuple[PassEntry, ...]
    makers: Mapping[str, Sequence[tuple[str, int]]]
    ffi: Mapping[str, str]


def scan(code: Layout, texts: Layout | None) -> tuple[PassEntry, ...]:
    """The passes of ``code``, with the tests and docs of ``texts``; TileLang's first, by name."""
    scanned = scan_code(code)
    entries = list(scanned.passes)
    if texts is not None:
        names = Names.of(entries)
        tests = mentions(texts.tests(), names, lambda file, text: _made_by(file, text, scanned))
        docs = mentions(texts.docs(), names, lambda *_: ())
        entries = [_with_texts(entry, tests.get(at, ()), docs.get(at, ())) for at, entry in enumerate(entries)]
    return tuple(
        sorted(
            entries, key=lambda entry: (entry.project, entry.tail.lower().lstrip("_"), entry.name, str(entry.source))
        )
    )


def scan_code(layout: Layout) -> Scanned:
    """The passes of a tree without tests and docs."""
    cpp = _read_all_cpp(layout)
    ffi, python = _read_all_python(layout)
    wrappers = _wrappers_by_name(python)
    made = [item for file in cpp for item in file.passes]
    exposed = _exposed_names(cpp)
    joined = [_of_cpp(item, exposed.get(item), wrappers) for item in made]
    if not layout.has_cpp:
        joined += [_of_wrapper(name, found, wrappers) for name, found in wrappers.items() if ".transform." in name]
    joined += [(_of_python(item), [(item.module, item.constructor)]) for file in python for item in file.passes]
    entries = [entry for entry, _ in joined]
    makers: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for number, (_, functions) in enumerate(joined):
        for module, function in functions:
            makers[function].append((module, number))
    callers: dict[int, set[Call]] = defaultdict(set)
    for file in python:
        for number, site in _resolved(file.calls, makers):
            if not site.path.startswith("3rdparty/"):
                callers[number].add(Call(_backend(site.path), site.path, site.line, site.function))
    passes = [_with_callers(entry, callers.get(number, ())) for number, entry in enumerate(entries)]
    return Scanned(tuple(passes), makers, ffi)


def _read_all_cpp(layout: Layout) -> list[CppFile]:
    texts = [(file.path, file.read()) for file in layout.cpp()]
    constants: dict[str, str] = {}
    macros: dict[str, Macro] = {}
    for path, text in texts:
        # TVM's own files name passes outright; its many constants would only be in the way.
        if path.startswith("src/"):
            constants.update(constants_of(text))
        if "#define" in text or "# define" in text:
            macros.update({macro.name: macro for macro in macros_of(text, _TELLING)})
    return [
        read_cpp(path, text, {**constants, **dict(constants_of(text))}, macros)
        for path, text in texts
        if may_have_passes(text, macros)
    ]


def _read_all_python(layout: Layout) -> tuple[dict[str, str], list[PythonFile]]:
    texts = [(file.path, file.read()) for file in layout.python()]
    ffi = {module_of(path): prefix for path, text in texts if (prefix := ffi_prefix(text))}
    telling = [(path, text) for path, text in texts if _may_matter(path, text)]
    return ffi, [read_python(path, text, ffi) for path, text in telling]


def _may_matter(path: str, text: str) -> bool:
    """Whether to parse a file: of TVM only those in folders that hold passes."""
    in_folder = "transform" in path or "analysis" in path
    return in_folder or (not path.startswith("3rdparty/") and any(word in text for word in _WORDS))


def _wrappers_by_name(files: Iterable[PythonFile]) -> dict[str, list[Wrapper]]:
    """Functions by the global name they call; those that have its name come first."""
    found: dict[str, set[Wrapper]] = defaultdict(set)
    for file in files:
        for wrapper in file.wrappers:
            found[wrapper.registered].add(wrapper)
    return {
        name: sorted(items, key=lambda item: (not _has_name_of(item), item.path, item.line))
        for name, items in found.items()
    }


def _has_name_of(wrapper: Wrapper) -> bool:
    return wrapper.function == wrapper.registered.rpartition(".")[2]


def _makers(found: Sequence[Wrapper], wrappers: Mapping[str, Sequence[Wrapper]]) -> list[tuple[str, str]]:
    """Functions a call of which makes the pass: not one that is called after another pass, and makes this at times."""
    own = {(item.module, item.function) for items in wrappers.values() for item in items if _has_name_of(item)}
    return [
        (item.module, item.function) for item in found if _has_name_of(item) or (item.module, item.function) not in own
    ]


def _exposed_names(files: Sequence[CppFile]) -> dict[CppPass, str]:
    """The global name of each pass that has one."""
    by_function: dict[str, list[CppPass]] = defaultdict(list)
    for file in files:
        for item in file.passes:
            by_function[item.function].append(item)
    found: dict[CppPass, str] = {}
    for file in files:
        for registration in file.registrations:
            chosen = _meant(registration, by_function)
            # An analysis may be exposed beside the pass that runs it, and its function be called the same.
            if chosen is not None and (chosen not in found or _is_for(registration.name, chosen)):
                found[chosen] = registration.name
    return found


def _is_for(registered: str, made: CppPass) -> bool:
    return registered.rpartition(".")[2] == made.name.rpartition(".")[2]


def _meant(registration: Registration, by_function: Mapping[str, Sequence[CppPass]]) -> CppPass | None:
    """The pass behind a global name: made in place, or by a function of the same file, else of another one.

    A function may make several, the last one of the others; the one it is called after is meant.
    """
    candidates = list(registration.passes)
    for function in registration.functions:
        found = by_function.get(function, ())
        candidates += [item for item in found if item.path == registration.path] or found
    called = [item for item in candidates if _is_for(registration.name, item)]
    return next(iter([*called, *reversed(candidates)]), None)


def _of_cpp(
    made: CppPass, registered: str | None, wrappers: Mapping[str, Sequence[Wrapper]]
) -> tuple[PassEntry, list[tuple[str, str]]]:
    found = wrappers.get(registered or "", ())
    entry = PassEntry(
        name=made.name,
        kind="c++",
        project="tvm" if made.path.startswith("3rdparty/") else "tilelang",
        constructor=found[0].function if found else made.function or made.name.rpartition(".")[2],
        source=Place(made.path, made.line),
        registered=registered,
        wrapper=Place(found[0].path, found[0].line) if found else None,
        configs=made.configs,
    )
    return entry, _makers(found, wrappers)


def _of_wrapper(
    registered: str, found: Sequence[Wrapper], wrappers: Mapping[str, Sequence[Wrapper]]
) -> tuple[PassEntry, list[tuple[str, str]]]:
    """A pass of which only the Python is here; its name follows from the one it is exposed by."""
    wrapper = found[0]
    entry = PassEntry(
        name=f"{registered.partition('.')[0]}.{registered.rpartition('.')[2]}",
        kind="c++",
        project="tvm" if wrapper.path.startswith("3rdparty/") else "tilelang",
        constructor=wrapper.function,
        source=None,
        registered=registered,
        wrapper=Place(wrapper.path, wrapper.line),
    )
    return entry, _makers(found, wrappers)


def _of_python(item: PythonPass) -> PassEntry:
    place = Place(item.path, item.line)
    return PassEntry(
        name=f"{item.name} ({item.constructor})" if item.name == ANONYMOUS else item.name,
        kind="python",
        project="tvm" if item.path.startswith("3rdparty/") else "tilelang",
        constructor=item.constructor,
        source=place,
        wrapper=place,
    )


def _resolved(
    calls: Iterable[CallSite], makers: Mapping[str, Sequence[tuple[str, int]]]
) -> Iterator[tuple[int, CallSite]]:
    """Calls that make a pass: of a function where it is defined, or from a package above that passes it on."""
    for site in calls:
        package, _, name = site.target.rpartition(".")
        for module, number in makers.get(name, ()):
            if module == package or module.startswith(f"{package}."):
                yield number, site


def _made_by(file: SourceFile, text: str, scanned: Scanned) -> Iterator[tuple[int, int]]:
    if any(word in text for word in _WORDS):
        calls = read_python(file.path, text, scanned.ffi).calls
        yield from ((number, site.line) for number, site in _resolved(calls, scanned.makers))


def _backend(path: str) -> str:
    """``cuda`` of ``tilelang/cuda/pipeline.py``; empty for what all backends share."""
    parts = path.split("/")
    return parts[1] if len(parts) == 3 and parts[2] == "pipeline.py" else ""


def _with_callers(entry: PassEntry, callers: Iterable[Call]) -> PassEntry:
    return msgspec.structs.replace(entry, callers=tuple(sorted(callers)))


def _with_texts(entry: PassEntry, tests: Iterable[Mention], docs: Iterable[Mention]) -> PassEntry:
    most_telling = sorted(tests, key=lambda item: (not item.calls, item.path))
    return msgspec.structs.replace(entry, tests=tuple(most_telling), docs=tuple(docs))
