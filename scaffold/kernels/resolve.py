"""From what was typed to what the probe is asked to compile."""

from __future__ import annotations

import ast
from pathlib import Path

from scaffold.errors import KernelSourceError, UnknownKernelError, UnsupportedTargetError
from scaffold.kernels.catalog import load_zoo_kernel, typed_parameters
from scaffold.kernels.spec import Settings
from scaffold.kernels.target import parse_target
from scaffold.probe.protocol import KernelRequest


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
    target = settings.target or kernel.default_target or default_target
    parse_target(target)
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


def _resolve_file(path: Path, entry: str, settings: Settings, *, default_target: str) -> KernelRequest:
    if not path.is_file():
        raise UnknownKernelError(
            f"no file {str(path)!r}", hint="a kernel of your own is named path/to/file.py::function"
        )
    try:
        tree = ast.parse(path.read_text(encoding="utf-8", errors="strict"), filename=str(path))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise KernelSourceError(
            f"{path} is not Python that can be read: {error}", hint="mend the file first"
        ) from error
    entry = entry or _only_candidate(path, tree)
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assigned = [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    if entry not in names + assigned and not _imports_star(tree):
        listed = f"it defines: {', '.join(names)}" if names else "it defines no function"
        raise KernelSourceError(f"{path} has no {entry!r}", hint=f"{listed}; name one as {path}::NAME")
    target = settings.target or default_target
    return KernelRequest(
        name=f"{path.stem}.{entry}",
        source=f"file:{path.name}::{entry}",
        path=str(path.resolve()),
        entry=entry,
        parameters=dict(settings.parameters),
        target=target,
        target_options=parse_target(target),
        pass_configs=dict(settings.pass_configs),
    )


def _only_candidate(path: Path, tree: ast.Module) -> str:
    """The one function of a file that looks like a kernel: decorated by TileLang, or holding a ``prim_func``."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    candidates = [node.name for node in functions if _mentions(node, {"jit", "prim_func", "autotune"})]
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


def _imports_star(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) or (isinstance(node, ast.Import) and any(alias.asname for alias in node.names))
        for node in tree.body
    )
