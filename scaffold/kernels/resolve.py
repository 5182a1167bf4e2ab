"""From what was typed to what the probe is asked to compile."""

from __future__ import annotations

import ast
from pathlib import Path

from scaffold.errors import KernelSourceError, UnknownKernelError, UnsupportedTargetError
from scaffold.kernels.catalog import load_zoo_kernel, typed_parameters
from scaffold.kernels.spec import Settings
from scaffold.kernels.target import normal_label, parse_target
from scaffold.probe.notebook import SUFFIX as NOTEBOOK
from scaffold.probe.notebook import python_of
from scaffold.probe.protocol import KernelRequest

#: A file of such a name, in the folder that is first on the path, would hide the module.
_SHADOWING = frozenset({"tilelang", "tvm", "torch", "tvm_ffi", "scaffold"})


def resolve(name: str, settings: Settings, *, default_target: str) -> KernelRequest:
    """Name one kernel precisely.

    Parameters
    ----------
    name
        A zoo kernel (``gemm``) or ``path/to/file.py::function``; the function may be left out where the file holds
        only one candidate.
    default_target
        The label used when neither the settings nor the kernel says one.

    Raises
    ------
    UnknownKernelError, UnknownParameterError, ParameterValueError, UnknownTargetError, UnsupportedTargetError
        If something named does not exist or does not fit.
    KernelSourceError
        If the file cannot be parsed or holds no kernel.
    """
    path_text, _, entry = name.partition("::")
    if path_text.endswith(".py") or entry or "/" in path_text:
        return _resolve_file(Path(path_text), entry, settings, default_target=default_target)
    kernel = load_zoo_kernel(name)
    parameters = typed_parameters(kernel, settings.parameters)
    target = _target(settings, kernel.default_target or default_target)
    reason = kernel.unsupported(target)
    if reason is not None:
        raise UnsupportedTargetError(
            f"{name} does not lower for {target}: {reason}",
            hint=f"take another --target; python -m scaffold kernels {name} lists those it takes",
        )
    return KernelRequest(
        name=name,
        source=f"zoo:{name}",
        path=None,
        entry="build",
        parameters=parameters,
        target=target,
        target_options=parse_target(target),
        pass_configs=dict(settings.pass_configs),
    )


def _target(settings: Settings, default: str) -> str:
    """The label to lower for; ``cuda`` alone means this machine's GPU, or the default without one."""
    asked = settings.target
    if asked is None or (asked.lower() == "cuda" and default.startswith("cuda:")):
        return default
    label = normal_label(asked)
    parse_target(label)
    return label


def _resolve_file(path: Path, entry: str, settings: Settings, *, default_target: str) -> KernelRequest:
    if not path.is_file():
        raise UnknownKernelError(
            f"no file {str(path)!r}", hint="a kernel of your own is named path/to/file.py::function"
        )
    if path.stem in _SHADOWING:
        raise KernelSourceError(
            f"{path.name} would be imported in place of {path.stem} itself", hint="give the file another name"
        )
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise KernelSourceError(
            f"{path} is not Python that can be read: {error}", hint="mend the file first"
        ) from error
    entry = entry or _only_candidate(path, tree)
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if entry not in _bound_at_top(tree) and not _imports_star(tree):
        listed = f"it defines: {', '.join(names)}" if names else "it defines no function"
        raise KernelSourceError(f"{path} has no {entry!r}", hint=f"{listed}; name one as {path}::NAME")
    target = _target(settings, default_target)
    return KernelRequest(
        name=f"{path.stem}.{entry}",
        source=f"file:{path.name}::{entry}",
        path=str(path.resolve()),
        entry=entry,
        parameters=dict(settings.parameters),
        target=target,
        target_options=parse_target(target),
        pass_configs=dict(settings.pass_configs),
        import_roots=list(settings.import_roots),
    )


def is_run_on_stand_ins(name: str) -> bool:
    """Whether ``file.py::name`` is a class or a test, or of a notebook: what it compiles is seen when it is run."""
    path, _, entry = name.partition("::")
    if path.endswith(NOTEBOOK) or not entry:
        return path.endswith(NOTEBOOK)
    first = entry.partition("::")[0].partition("[")[0].partition(".")[0]
    try:
        body = ast.parse(python_of(Path(path))).body
    except (OSError, SyntaxError, ValueError):
        return False
    found = next((node for node in body if getattr(node, "name", None) == first), None)
    is_test = isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) and first.startswith("test")
    return isinstance(found, ast.ClassDef) or is_test


def functions_of(path: Path) -> list[str]:
    """What of a file could be named: functions that make kernels, and classes with a ``forward``, with what they need.

    Nothing where it cannot be read.
    """
    try:
        tree = ast.parse(python_of(path))
        names = _candidates(tree)
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
        made = [" ".join([node.name, *(f"--set {name}=…" for name in _required(node))]) for node in functions]
        return [*made, *_modules(tree)]
    except (OSError, SyntaxError, ValueError):
        return []


def _modules(tree: ast.Module) -> list[str]:
    """Classes that are called by their ``forward``, each with what that is given."""
    found = []
    for node in tree.body:
        methods = {item.name: item for item in getattr(node, "body", ()) if isinstance(item, ast.FunctionDef)}
        if isinstance(node, ast.ClassDef) and "forward" in methods:
            given = [f"--input {name}" for name in _required(methods["forward"])[1:]]
            made = [f"--init {name}" for name in _required(methods["__init__"])[1:]] if "__init__" in methods else []
            found.append(" ".join([node.name, *made, *given]))
    return found


def _required(function: ast.FunctionDef) -> list[str]:
    """Parameters without a default."""
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    named = [item for item, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value is None]
    return [item.arg for item in (*plain[: len(plain) - len(arguments.defaults)], *named)]


def _candidates(tree: ast.Module) -> list[str]:
    """Functions that look like a kernel: decorated by TileLang, or holding a ``prim_func``."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in functions if _mentions(node, {"jit", "prim_func", "autotune"})]


def _only_candidate(path: Path, tree: ast.Module) -> str:
    """The one function of a file that looks like a kernel."""
    candidates = _candidates(tree)
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise KernelSourceError(
            f"{path} holds no kernel: no function uses tilelang.jit or T.prim_func",
            hint=f"name the function that returns a PrimFunc: {path}::NAME",
        )
    raise KernelSourceError(
        f"{path} holds {len(candidates)} kernels: {', '.join(candidates)}", hint=f"name one: {path}::{candidates[0]}"
    )


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(
        (isinstance(child, ast.Attribute) and child.attr in names)
        or (isinstance(child, ast.Name) and child.id in names)
        for child in ast.walk(node)
    )


def _bound_at_top(tree: ast.Module) -> set[str]:
    """Every name the file binds outside functions and classes, also inside ``if`` and ``try``."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        waiting += list(ast.iter_child_nodes(node))
    return found


def _imports_star(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in tree.body)
