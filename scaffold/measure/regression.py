"""Upstream's own performance cases as something to time: every ``regression_*`` function of a checkout."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from scaffold.errors import UsageError
from scaffold.kernels.target import parse_target
from scaffold.measure.cases import Case
from scaffold.probe.protocol import KernelRequest


def find_cases(tree: Path, wanted: Sequence[str], target: str, *, two_sided: bool) -> list[Case]:
    """Cases of ``tree``, or those named: a topic (``gemm``), a file, or ``example_gemm_intrinsics``.

    Raises
    ------
    UsageError
        If something named is not there.
    """
    folder = tree / "examples" if (tree / "examples").is_dir() else tree
    everything = [(path, name) for path in sorted(folder.rglob("regression_*.py")) for name in _functions(path)]
    chosen = everything if not wanted else []
    for word in wanted:
        matching = [item for item in everything if _matches(word, folder, *item)]
        if not matching:
            topics = sorted({path.parent.name for path, _ in everything})
            raise UsageError(f"no performance case {word!r}", hint=f"topics that have some: {', '.join(topics)}")
        chosen += [item for item in matching if item not in chosen]
    if not chosen:
        raise UsageError(f"no regression_*.py below {folder}", hint="name a checkout with --source-tree DIR")
    return [_case(path, name, folder, target, two_sided=two_sided) for path, name in chosen]


def _functions(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name for name in names if name.startswith("regression_")]


def _matches(word: str, folder: Path, path: Path, name: str) -> bool:
    relative = path.relative_to(folder).as_posix()
    short = name.removeprefix("regression_")
    return word in (name, short, relative, path.parent.relative_to(folder).as_posix(), path.parent.name)


def _case(path: Path, name: str, folder: Path, target: str, *, two_sided: bool) -> Case:
    shown = f"{path.parent.relative_to(folder).as_posix()}/{name.removeprefix('regression_')}"
    request = KernelRequest(
        name=shown,
        source=f"regression:{path.relative_to(folder).as_posix()}::{name}",
        path=str(path.resolve()),
        entry=name,
        parameters={},
        target=target,
        target_options=parse_target(target),
    )
    return Case(shown, request, request if two_sided else None)
