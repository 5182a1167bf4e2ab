"""The kit's own kernels by name."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping

from scaffold.errors import ParameterValueError, UnknownKernelError, UnknownParameterError
from scaffold.kernels import zoo
from scaffold.kernels.model import KernelParameterError, Scalar, ZooKernel

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def zoo_names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(zoo.__path__) if not module.name.startswith("_"))


def load_zoo_kernel(name: str) -> ZooKernel:
    """Load one zoo kernel.

    Raises
    ------
    UnknownKernelError
        If the zoo has no such kernel, naming the nearest.
    """
    if name not in zoo_names():
        near = difflib.get_close_matches(name, zoo_names(), n=3, cutoff=0.4)
        meant = f"did you mean {', '.join(near)}?" if near else f"the zoo has: {', '.join(zoo_names())}."
        raise UnknownKernelError(
            f"unknown kernel {name!r}",
            hint=f"{meant} A kernel of your own is named path/to/file.py::function",
        )
    kernel: ZooKernel = importlib.import_module(f"{zoo.__name__}.{name}").KERNEL
    return kernel


def typed_parameters(kernel: ZooKernel, assignments: Mapping[str, str]) -> dict[str, Scalar]:
    """All parameters of ``kernel`` with ``assignments`` applied, checked by the kernel itself.

    Raises
    ------
    UnknownParameterError
        If the kernel has no such parameter, naming the nearest.
    ParameterValueError
        If a value has the wrong type, or the kernel cannot be built with it.
    """
    values = kernel.defaults()
    for name, text in assignments.items():
        if name not in values:
            near = difflib.get_close_matches(name, values, n=2, cutoff=0.5)
            meant = f"did you mean {' or '.join(near)}? " if near else ""
            raise UnknownParameterError(
                f"{kernel.name} has no parameter {name!r}",
                hint=f"{meant}it takes: {', '.join(values)}",
            )
        values[name] = parse_scalar(text, like=values[name], name=name)
    try:
        kernel.check(values)
    except KernelParameterError as error:
        raise ParameterValueError(
            f"{kernel.name}: {error}",
            hint=f"see what each parameter means: python -m scaffold kernels {kernel.name}",
        ) from error
    return values


def parse_scalar(text: str, *, like: Scalar, name: str) -> Scalar:
    """Read ``text`` as a value of the type of ``like``.

    Raises
    ------
    ParameterValueError
        If it is none.
    """
    kind = type(like)
    if kind is bool:
        if text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        raise ParameterValueError(f"{name}={text!r} is not a truth value", hint=f"say {name}=true or {name}=false")
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError as error:
        article = "an integer" if kind is int else "a number"
        raise ParameterValueError(
            f"{name}={text!r} is not {article}", hint=f"for example {name}={like} (the default)"
        ) from error
