"""What ``--from-failure`` is given: a script that fails, or the trace of a lowering that did."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import UsageError
from scaffold.kernels.catalog import load_zoo_kernel, zoo_names
from scaffold.kernels.model import Scalar, ZooKernel
from scaffold.kernels.target import parse_target
from scaffold.trace.store import read_trace

_LARGEST_BYTES = 256 * 1024


@dataclass(frozen=True)
class FailingCase:
    """A program that shows a failure.

    Attributes
    ----------
    source, name
        Its text and file name.
    error
        The last line of its error; empty where it is not known yet.
    kernel, target
        The kernel it compiles, where a trace says so.
    pass_name
        The pass that raised; empty for none.
    """

    source: str
    name: str
    error: str = ""
    kernel: str = ""
    target: str = ""
    pass_name: str = ""


def read_failure(path: Path) -> FailingCase:
    """Read a script or a trace.

    Raises
    ------
    UsageError
        If it is neither, cannot be read, or is a trace that does not hold what it compiled.
    """
    if not path.is_file():
        raise UsageError(f"{path} is not there", hint="name a script, or a .tltrace: --from-failure FILE")
    if path.suffix == ".tltrace":
        return _from_trace(path)
    data = path.read_bytes()
    if len(data) > _LARGEST_BYTES:
        raise UsageError(
            f"{path} has {len(data):,} bytes: no minimal program", hint="reduce it first: python -m tilelang.autodd"
        )
    try:
        source = data.decode("utf-8")
        compile(source, str(path), "exec", dont_inherit=True)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: byte {error.start}", hint="save it as UTF-8") from error
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{path} is no Python that parses: {error}", hint="name a script that runs") from error
    return FailingCase(source, path.name)


def _from_trace(path: Path) -> FailingCase:
    """The program that lowers what a trace recorded; a trace names the kernel and its parameters, not its source."""
    file = read_trace(path)
    kernel, failure = file.trace.kernel, file.trace.failure
    name = kernel.source.removeprefix("zoo:")
    if not kernel.source.startswith("zoo:") or name not in zoo_names():
        script = kernel.source.partition(":")[2].partition("::")[0] or "FILE"
        raise UsageError(
            f"{path} names {kernel.source} and does not hold its source",
            hint=f"give the script itself: --from-failure {script}",
        )
    said = (failure.message.strip().splitlines() or [""])[-1] if failure else ""
    return FailingCase(
        source=_program(load_zoo_kernel(name), kernel.parameters, kernel.target, kernel.pass_configs),
        name=f"{name}.py",
        error=said,
        kernel=name,
        target=kernel.target,
        pass_name=(failure.pass_name or "").rpartition(".")[2] if failure else "",
    )


def _program(kernel: ZooKernel, parameters: Mapping[str, Scalar], target: str, configs: Mapping[str, Scalar]) -> str:
    """A program with the kernel's own text in it, that only lowers: no GPU is needed to see what a pass raises."""
    return (
        "from typing import Any\n\nimport tilelang\nfrom tilelang import tvm\n\n\n"
        f"{_text_of(kernel)}\n\n\n"
        f"function = build(**{dict(parameters)!r})\n"
        f"target = tvm.target.Target({dict(parse_target(target))!r})\n"
        f"with tvm.transform.PassContext(opt_level=3, config={dict(configs)!r}), target:\n"
        "    tilelang.lower(function, target=target)\n"
    )


def _text_of(kernel: ZooKernel) -> str:
    """The text of the function that builds it, behind that of what it uses of its file."""
    text = Path(inspect.getfile(kernel.build)).read_text(encoding="utf-8")
    named = {name: node for node in ast.parse(text).body for name in _names_of(node)}
    wanted: dict[str, ast.stmt] = {}
    queue = [kernel.build.__name__]
    while queue:
        name = queue.pop()
        if name in named and name not in wanted:
            wanted[name] = named[name]
            queue += [node.id for node in ast.walk(named[name]) if isinstance(node, ast.Name)]
    nodes = sorted(set(wanted.values()), key=lambda node: node.lineno)
    return "\n\n\n".join(ast.get_source_segment(text, node) or "" for node in nodes)


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []
