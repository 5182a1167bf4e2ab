"""What a kernel of the zoo says about itself.

Standard library only: the kit reads these facts in its own environment, and the probe imports the same file in the
environment of the TileLang build under study, where none of the kit's libraries exist.
Importing a zoo module must therefore never import tilelang or torch; ``build`` and ``reference`` do that when called.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Scalar = int | float | bool | str
Params = Mapping[str, Any]
#: ``contender(params)`` returns the function that computes what the kernel computes, from the same inputs.
Contender = Callable[[Params], Callable[..., Any]]

#: Bytes per element of every dtype a zoo kernel may use; packed types count as the storage they occupy.
DTYPE_BYTES: Mapping[str, int] = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "int64": 8,
    "int32": 4,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}


class KernelParameterError(ValueError):
    """A parameter has a value the kernel cannot be built with; the message says which, why, and what would do."""


@dataclass(frozen=True)
class Parameter:
    """One knob of a kernel, read from the signature of its ``build`` function."""

    name: str
    default: Scalar
    doc: str

    @property
    def type(self) -> type:
        return type(self.default)


@dataclass(frozen=True)
class Tensor:
    """One tensor argument, in the order in which the PrimFunc takes it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: Literal["input", "output"] = "input"

    @property
    def bytes(self) -> int:
        elements = 1
        for extent in self.shape:
            elements *= extent
        return elements * DTYPE_BYTES[self.dtype]


@dataclass(frozen=True)
class Tolerance:
    """Largest accepted relative error of an output, as ``norm(out - ref) / norm(ref)`` in float64 (dimensionless)."""

    relative: float


@dataclass(frozen=True)
class ZooKernel:
    """A kernel of the kit's own zoo.

    Parameters
    ----------
    build
        ``build(**params)`` returns a ``PrimFunc``; every parameter has a default, and the default fixes its type.
    tensors
        Shapes and dtypes of the arguments for given parameters, in call order.
    reference
        ``reference(params, inputs)`` returns the expected outputs, computed by PyTorch in float32 or wider.
    make_inputs
        ``make_inputs(params, device, seed)`` returns the inputs; ``None`` draws standard normal values
        (uniform integers for integer dtypes).
    check
        Raises :class:`KernelParameterError` for parameters the kernel cannot be built with.
    unsupported
        The reason why a target (``cuda:sm_80``) cannot take this kernel, or ``None``.
    contenders
        What the speed of the kernel is compared with, by library: ``contenders["torch"](params)`` returns a function
        of the input tensors, in call order and as they are; it returns the output tensor, or a tuple of them in order.
        Whatever it does is part of its time. It must not write to its inputs.
    """

    name: str
    summary: str
    build: Callable[..., Any]
    tensors: Callable[[Params], tuple[Tensor, ...]]
    reference: Callable[[Params, Sequence[Any]], tuple[Any, ...]]
    tolerance: Tolerance
    flops: Callable[[Params], int]
    docs: Mapping[str, str] = field(default_factory=dict)
    make_inputs: Callable[[Params, str, int], tuple[Any, ...]] | None = None
    check: Callable[[Params], None] = lambda _: None
    unsupported: Callable[[str], str | None] = lambda _: None
    default_target: str | None = None
    contenders: Mapping[str, Contender] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        signature = inspect.signature(self.build)
        return tuple(Parameter(p.name, p.default, self.docs.get(p.name, "")) for p in signature.parameters.values())

    def defaults(self) -> dict[str, Scalar]:
        return {parameter.name: parameter.default for parameter in self.parameters}

    def bytes(self, params: Params) -> int:
        """Fewest bytes the kernel can move through device memory: each input read once, each output written once."""
        return sum(tensor.bytes for tensor in self.tensors(params))


def require(condition: bool, message: str) -> None:
    """Raise :class:`KernelParameterError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise KernelParameterError(message)


def _divisors(whole: int) -> list[int]:
    small = [d for d in range(1, math.isqrt(whole) + 1) if whole % d == 0]
    return [d for d in {*small, *(whole // d for d in small)} if d >= 8] or [whole]


def require_divides(params: Params, tile: str, extent: str) -> None:
    """Require that parameter ``tile`` divides parameter ``extent``, naming the nearest tile sizes that would."""
    size, whole = params[tile], params[extent]
    require(size > 0, f"{tile}={size} must be positive")
    if whole % size == 0:
        return
    near = sorted(sorted(_divisors(whole), key=lambda d: (abs(d - size), d))[:3])
    raise KernelParameterError(
        f"{tile}={size} does not divide {extent}={whole}; nearest that do: {', '.join(map(str, near))}"
    )
