"""From a request to a PrimFunc, inside the build."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.probe.protocol import KernelRequest

_TENSOR = re.compile(r"(?P<dtype>[a-z]\w*)\[(?P<shape>[\d,\s]*)\]\Z")


#: Folders of a project in which no files of the user's lie.
NOT_SOURCE = frozenset({"__pycache__", "site-packages", "build", "dist", "node_modules"})


class KernelBuildError(Exception):
    """The kernel's own code is at fault, or what was asked of it; the message is for the user."""


class CompilesItselfError(KernelBuildError):
    """What was named compiles kernels when it is called, instead of returning one."""


@dataclass(frozen=True)
class BuiltKernel:
    """A PrimFunc and what its decorator asked for."""

    prim_func: Any
    parameters: dict[str, Any]
    source_sha256: str
    pass_configs: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def build_kernel(request: KernelRequest, target: Any) -> BuiltKernel:
    """Build the PrimFunc of ``request`` under ``target``.

    Raises
    ------
    KernelBuildError
        If the file holds no such kernel, needs parameters it was not given, or gives no PrimFunc.
    Exception
        Whatever the user's own code raises.
    """
    if request.path is None:
        kernel = importlib.import_module(f"scaffold.kernels.zoo.{request.name}").KERNEL
        source = inspect.getsourcefile(kernel.build)
        with target:
            function = kernel.build(**request.parameters)
        return BuiltKernel(function, dict(request.parameters), _sha256(Path(source or "")))
    path = Path(request.path)
    module = _load(path, request.import_roots)
    entry = getattr(module, request.entry, None)
    if entry is None:
        raise KernelBuildError(f"{path.name} has no {request.entry!r} once run")
    return _from_entry(entry, request, target, _sha256(path))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def import_roots(path: Path) -> list[str]:
    """Folders from which a file of a package imports its own package: above it, and those of its project."""
    package = path.parent
    while (package / "__init__.py").is_file():
        package = package.parent
    found = [package] if package != path.parent else []
    project = next((folder for folder in path.parents if (folder / "pyproject.toml").is_file()), None)
    if project is not None:
        found += [folder for folder in (project / "src", project) if folder.is_dir()]
    return list(dict.fromkeys(map(str, found)))


def _load(path: Path, roots: Sequence[str]) -> Any:
    """Import a file under its own name, its folder first on the path, as running it would, then its package's."""
    sys.path[:0] = [str(path.parent), *roots, *import_roots(path)]
    sys.argv = [str(path)]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise KernelBuildError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _from_entry(entry: Any, request: KernelRequest, target: Any, sha256: str) -> BuiltKernel:
    notes: list[str] = []
    if is_prim_func(entry):
        if request.parameters:
            raise KernelBuildError(
                f"{request.entry} is a PrimFunc and takes no parameters: {', '.join(request.parameters)}"
            )
        return BuiltKernel(entry, {}, sha256)
    inner = getattr(entry, "jit_impl", entry)
    if inner is not entry:
        notes.append(f"{request.entry} is autotuned: lowered with its defaults and --set, not with tuned values")
    parameters = bind(inner, request.entry, request.parameters)
    pass_configs = dict(getattr(inner, "pass_configs", None) or {})
    with target:
        made = inner.get_tir(**parameters) if hasattr(inner, "get_tir") else inner(**parameters)
    made = getattr(made, "prim_func", made)
    if not is_prim_func(made):
        raise KernelBuildError(
            f"{request.entry}({', '.join(f'{k}={v!r}' for k, v in parameters.items())}) returned "
            f"{type(made).__name__}, not a PrimFunc"
        )
    shown = {**_defaults(inner), **{key: _shown(value, request.parameters[key]) for key, value in parameters.items()}}
    return BuiltKernel(made, shown, sha256, pass_configs, tuple(notes))


def _shown(value: Any, text: Any) -> Any:
    """A parameter as it is recorded: its value, or what was typed where the value is a tensor or the like."""
    return value if isinstance(value, (int, float, bool, str)) else str(text)


def _defaults(entry: Any) -> dict[str, Any]:
    """Defaults that say something: an untyped object's printed form would differ from run to run."""
    parameters = signature_of(entry).parameters.values()
    return {p.name: p.default for p in parameters if isinstance(p.default, (int, float, bool, str))}


def is_prim_func(value: Any) -> bool:
    return type(value).__name__ == "PrimFunc" and hasattr(value, "buffer_map")


def signature_of(entry: Any) -> inspect.Signature:
    """What a kernel, a function or a class takes; raises :class:`KernelBuildError` where it takes nothing."""
    for candidate in (entry, getattr(entry, "func", None)):
        signature = getattr(candidate, "signature", None)
        if isinstance(signature, inspect.Signature):
            return signature
        original = getattr(candidate, "orig_func", None)
        if original is not None:
            return inspect.signature(original)
    if not callable(entry):
        raise KernelBuildError(f"{type(entry).__name__} is neither a kernel nor a function that makes one")
    return inspect.signature(entry)


def bind(entry: Any, name: str, given: Mapping[str, Any], known: Collection[str] = ()) -> dict[str, Any]:
    """The parameters ``given`` to ``entry``, called ``name``, read; those ``known`` need not be given.

    Raises
    ------
    KernelBuildError
        If it has no such parameter, or needs another one.
    """
    signature = signature_of(entry)
    accepted = {
        name: parameter
        for name, parameter in signature.parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    unknown = [key for key in given if key not in accepted]
    if unknown and not takes_any:
        raise KernelBuildError(f"{name} has no parameter {unknown[0]!r}; it takes: {', '.join(accepted)}")
    missing = [
        key
        for key, parameter in accepted.items()
        if parameter.default is parameter.empty and key not in given and key not in known
    ]
    if missing:
        example = " ".join(f"--set {key}={_example_of(key)}" for key in missing)
        raise KernelBuildError(
            f"{name} needs {len(missing)} parameter{'s' if len(missing) > 1 else ''} without a default: "
            f"{example}; a tensor is written dtype[shape]"
        )
    return {
        key: value_of(text, accepted[key].default if key in accepted else inspect.Parameter.empty)
        for key, text in given.items()
    }


def _example_of(name: str) -> str:
    """What a missing parameter may look like; a single capital letter is a tensor by custom, unless it is a size."""
    return "float16[1024,1024]" if name in tuple("ABCDQVXY") else "..."


def value_of(text: Any, default: Any = inspect.Parameter.empty) -> Any:
    """Read a typed value: a Python literal, ``true``/``false``, ``dtype[shape]`` for a tensor, else the text itself."""
    if not isinstance(text, str) or isinstance(default, str):
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    with contextlib.suppress(ValueError, SyntaxError):
        return ast.literal_eval(text)
    match = _TENSOR.match(text)
    if match:
        import torch

        shape = [int(extent) for extent in match["shape"].split(",") if extent.strip()]
        dtype = getattr(torch, match["dtype"], None)
        if dtype is None:
            raise KernelBuildError(f"{text!r}: PyTorch has no dtype {match['dtype']!r}")
        return torch.empty(shape, dtype=dtype)
    return text
