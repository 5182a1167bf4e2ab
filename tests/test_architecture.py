"""The rules of the house, walked with ``ast``: who may import whom, and what stays standard library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "scaffold"


class Import(NamedTuple):
    """One imported module; ``lazy`` where it stands inside a function, ``typing`` under ``TYPE_CHECKING``."""

    target: str
    lazy: bool
    typing: bool


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports_of(module: str) -> tuple[Import, ...]:
    return tuple(_imports(ast.parse(modules()[module].read_text(encoding="utf-8")), lazy=False, typing=False))


def _imports(node: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = lazy or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        checking = typing or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, inside, checking) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            assert child.module
            for alias in child.names:
                full = f"{child.module}.{alias.name}"
                yield Import(full if full in modules() else child.module, inside, checking)
        else:
            yield from _imports(child, lazy=inside, typing=checking)


def room(module: str) -> str:
    """``scaffold.trace.store`` is in ``trace``; ``scaffold.errors`` is a room of one."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def ours(module: str) -> list[str]:
    return [item.target for item in imports_of(module) if item.target.partition(".")[0] == "scaffold"]


#: Who may import whom, besides itself. A new room needs a line here, and a reason.
ROOMS: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "files": {"errors"},
    "progress": set(),
    "locked_pip": set(),
    # Verbs ask other verbs in a process of their own: what one of them is, nobody here needs to import.
    "verbs": {"progress"},
    "trace": {"errors", "files"},
    "kernels": {"errors", "probe"},
    "probe": {"errors", "trace", "kernels"},
    "diff": {"trace"},
    "report": {"diff", "trace"},
    "builds": {"errors", "files", "locked_pip", "progress", "trace", "kernels", "probe"},
}
#: Many kernels at once: used by flows too, as evidence and bisection ask it.
ROOMS["corpus"] = {*ROOMS} - {""}
#: Flows: they use the rooms above and are used by the command line only.
FLOWS = ("measure", "contribute", "learn", "hunt")
ROOMS |= {flow: {*ROOMS} - {""} for flow in FLOWS}
ROOMS["cli"] = {*ROOMS} - {""}
ROOMS["__main__"] = {"cli"}

MODULES = pytest.mark.parametrize("module", modules())


@MODULES
def test_module_imports_only_rooms_below_it(module: str) -> None:
    assert room(module) in ROOMS, f"say in ROOMS what {room(module)} may import"
    breaches = [target for target in ours(module) if room(target) not in {room(module), *ROOMS[room(module)]}]
    assert breaches == []


def test_modules_import_without_a_cycle() -> None:
    """Imports inside functions count too: they only hide a cycle."""
    graph = {module: {target for target in ours(module) if target in modules()} for module in modules()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for target in sorted(graph[module] - {module}):
                visit(target, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


#: Modules that are imported in the interpreter of the TileLang build under study, too.
SHARED = [
    name
    for name in modules()
    if name in ("scaffold", "scaffold.errors", "scaffold.trace", "scaffold.trace.model")
    or name in ("scaffold.kernels", "scaffold.kernels.model")
    or name.startswith(("scaffold.probe", "scaffold.kernels.zoo", "scaffold.kernels.triton"))
]
COMPILER = {"tilelang", "tvm", "torch", "tvm_ffi", "triton"}


def test_shared_modules_are_found() -> None:
    assert {"scaffold.probe.capture", "scaffold.kernels.zoo.gemm", "scaffold.trace.model"} <= set(SHARED)
    assert {"scaffold.probe.standin.tensors", "scaffold.kernels.triton.gemm"} <= set(SHARED)


@pytest.mark.parametrize("module", SHARED)
def test_shared_module_imports_the_standard_library_and_its_like(module: str) -> None:
    foreign = [
        item.target
        for item in imports_of(module)
        if item.target.partition(".")[0] not in {*sys.stdlib_module_names, "scaffold", *COMPILER}
    ]
    assert foreign == []
    assert [target for target in ours(module) if target not in SHARED] == []


#: Modules made of a library, which import it at once; nobody imports them before they are wanted. What is put in
#: PyTorch's place is made of it, and a Triton kernel stands in a file that has Triton.
MADE_OF = {"scaffold.probe.standin.": {"torch"}, "scaffold.kernels.triton.": {"torch", "triton"}}


def made_of(module: str) -> set[str]:
    return {library for start, libraries in MADE_OF.items() if module.startswith(start) for library in libraries}


@pytest.mark.parametrize("start", MADE_OF)
def test_module_made_of_a_library_is_imported_only_when_called(start: str) -> None:
    eager = [
        (module, item.target)
        for module in modules()
        for item in imports_of(module)
        if item.target.startswith(start) and not item.lazy and not module.startswith(start)
    ]
    assert eager == []


@pytest.mark.parametrize("module", SHARED)
def test_shared_module_imports_the_compiler_only_when_called(module: str) -> None:
    eager = {
        item.target.partition(".")[0]
        for item in imports_of(module)
        if item.target.partition(".")[0] in COMPILER and not (item.lazy or item.typing)
    }
    assert eager <= made_of(module)
    if not module.startswith(("scaffold.probe", "scaffold.kernels.zoo", *MADE_OF)):
        assert [item.target for item in imports_of(module) if item.target.partition(".")[0] in COMPILER] == []


@pytest.mark.parametrize("module", SHARED)
def test_shared_module_is_python_3_10(module: str) -> None:
    ast.parse(modules()[module].read_text(encoding="utf-8"), feature_version=(3, 10))


@pytest.mark.parametrize(
    "module",
    [
        *("scaffold", "scaffold.trace", "scaffold.probe"),
        *("scaffold.kernels", "scaffold.kernels.zoo", "scaffold.kernels.triton"),
    ],
)
def test_package_on_the_way_of_the_probe_is_empty(module: str) -> None:
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    assert [
        node for node in tree.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ] == []


def test_only_probe_and_zoo_name_the_compiler() -> None:
    found = {
        module
        for module in modules()
        for item in imports_of(module)
        if item.target.partition(".")[0] in COMPILER and module not in SHARED
    }
    assert found == set()


@pytest.mark.parametrize("module", [name for name in modules() if room(name) == "errors"])
def test_errors_import_nothing_of_ours(module: str) -> None:
    assert ours(module) == []


#: What reaches disk, processes, the network, the clock or chance.
OUTSIDE = {
    *("os", "pathlib", "subprocess", "time", "datetime", "random", "socket", "shutil", "tempfile", "urllib", "http"),
    *(
        "sys",
        "glob",
        "signal",
        "threading",
        "multiprocessing",
        "asyncio",
        "getpass",
        "platform",
        "importlib",
        "secrets",
    ),
}
#: Exceptions, each with its reason.
JUSTIFIED = {
    ("scaffold.report.png", "pathlib"): "the path of the font that Matplotlib ships",
    ("scaffold.report.page", "importlib"): "importlib.resources: a page's own style, scripts and template",
}


def outside(module: str) -> set[str]:
    return {item.target.partition(".")[0] for item in imports_of(module)} & OUTSIDE


@pytest.mark.parametrize("module", [name for name in modules() if room(name) in ("diff", "report")])
def test_pure_module_reaches_nothing_outside(module: str) -> None:
    assert {name for name in outside(module) if (module, name) not in JUSTIFIED} == set()


def test_justified_exceptions_are_all_in_use() -> None:
    assert [(module, name) for module, name in JUSTIFIED if module in modules() and name not in outside(module)] == []


@pytest.mark.parametrize("module", [name for name in modules() if room(name) in ("diff", "report")])
def test_pure_module_neither_opens_nor_prints(module: str) -> None:
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls & {"open", "print", "input", "exec", "eval"} == set()


HEAVY = ("rich", "msgspec", "jinja2", "matplotlib", "PIL", "cydifflib", "scaffold.trace", "scaffold.report")


def loaded_by(*arguments: str) -> set[str]:
    """Modules in memory when the command ends."""
    code = (
        "import sys\n"
        "from scaffold.cli.main import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print('loaded:', *sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "scaffold" in done.stdout
    return set(done.stderr.rpartition("loaded:")[2].split())


@pytest.mark.parametrize("arguments", [("--help",), ()])
def test_help_loads_no_library(arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(*arguments)
    assert "scaffold.cli.main" in loaded
    assert [name for name in HEAVY if name in loaded] == []
