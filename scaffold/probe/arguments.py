"""What a kernel is launched with: inputs drawn from a seed, outputs poisoned beforehand, and how outputs compare.

A kernel of the zoo says which of its tensors are outputs. Of any other kernel nobody says: there, an output is what a
launch changes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scaffold.kernels.model import DTYPE_BYTES, Tensor, ZooKernel
from scaffold.probe.kernel import BuiltKernel, KernelBuildError
from scaffold.probe.protocol import KernelRequest

SEED = 20

#: Largest accepted relative error between two sides of a kernel that names no tolerance of its own, by dtype.
_TOLERANCES = {"torch.float64": 1e-10, "torch.float32": 1e-5, "torch.float16": 4e-3, "torch.bfloat16": 2e-2}
_COARSE = 1e-1  # eight bits and fewer


@dataclass
class Arguments:
    """Tensors of one launch, ``values`` in call order; ``outputs`` are names and places of those written to."""

    values: list[Any]
    outputs: list[tuple[str, int]] = field(default_factory=list)

    @property
    def inputs(self) -> list[Any]:
        written = {at for _, at in self.outputs}
        return [value for at, value in enumerate(self.values) if at not in written]

    def copy(self) -> Arguments:
        """The same values in other places of memory."""
        return Arguments([value.clone() for value in self.values], self.outputs)


def device_of(target: str) -> str:
    """What PyTorch calls the device a target (``cuda:sm_90a``, ``c``) runs on."""
    kind = target.partition(":")[0]
    return {"c": "cpu", "llvm": "cpu", "metal": "mps"}.get(kind, "cuda")


def zoo_kernel(name: str) -> ZooKernel:
    kernel: ZooKernel = importlib.import_module(f"scaffold.kernels.zoo.{name}").KERNEL
    return kernel


def make_arguments(request: KernelRequest, built: BuiltKernel, seed: int = SEED) -> Arguments:
    """Arguments for one launch on the device of ``request``; equal seeds give equal inputs in any build.

    Raises
    ------
    KernelBuildError
        If a shape is not known before the launch, or PyTorch has no such dtype.
    """
    device = device_of(request.target)
    if request.path is None:
        return _of_zoo(zoo_kernel(request.name), request.parameters, device, seed)
    return _of_signature(built.prim_func, device, seed)


def _of_zoo(kernel: ZooKernel, parameters: dict[str, Any], device: str, seed: int) -> Arguments:
    tensors = kernel.tensors(parameters)
    inputs = list(_zoo_inputs(kernel, parameters, device, seed))
    found = Arguments([])
    for at, tensor in enumerate(tensors):
        if tensor.role == "output":
            found.outputs.append((tensor.name, at))
            found.values.append(_empty(tensor, device))
        else:
            found.values.append(inputs.pop(0))
    poison(found)
    return found


def _zoo_inputs(kernel: ZooKernel, parameters: dict[str, Any], device: str, seed: int) -> tuple[Any, ...]:
    import torch

    if kernel.make_inputs is not None:
        return kernel.make_inputs(parameters, device, seed)
    generator = torch.Generator(device=device).manual_seed(seed)
    wanted = [tensor for tensor in kernel.tensors(parameters) if tensor.role == "input"]
    return tuple(_drawn(tensor.shape, getattr(torch, tensor.dtype), device, generator, 64) for tensor in wanted)


def _drawn(shape: Sequence[int], dtype: Any, device: str, generator: Any, most: int) -> Any:
    """Standard normal values; integers from 0 up to ``most``, exclusive."""
    import torch

    if dtype.is_floating_point:
        return torch.randn(tuple(shape), generator=generator, device=device).to(dtype)
    return torch.randint(0, most, tuple(shape), generator=generator, device=device).to(dtype)


def _empty(tensor: Tensor, device: str) -> Any:
    import torch

    return torch.empty(tensor.shape, dtype=getattr(torch, tensor.dtype), device=device)


def _of_signature(prim_func: Any, device: str, seed: int) -> Arguments:
    """Random tensors for every buffer of a PrimFunc; integers are 0 or 1, as they may be indices."""
    import torch

    generator = torch.Generator(device=device).manual_seed(seed)
    found = Arguments([])
    for parameter in prim_func.params:
        buffer = prim_func.buffer_map.get(parameter)
        if buffer is None:
            raise KernelBuildError(f"argument {parameter} is no tensor: its value is not known before the launch")
        dtype = getattr(torch, str(buffer.dtype), None)
        if dtype is None:
            raise KernelBuildError(f"PyTorch has no dtype {buffer.dtype} (argument {buffer.name})")
        try:
            shape = [int(extent) for extent in buffer.shape]
        except TypeError:
            raise KernelBuildError(
                f"the shape of {buffer.name} is known at the launch only: {', '.join(map(str, buffer.shape))}; "
                "give the kernel fixed sizes"
            ) from None
        found.values.append(_drawn(shape, dtype, device, generator, 2))
    return found


def name_outputs(arguments: Arguments, names: Sequence[str], launch: Callable[..., Any]) -> None:
    """Find out by one launch which arguments a kernel writes to, and give all of them their values back."""
    if arguments.outputs:
        return
    before = [value.clone() for value in arguments.values]
    launch(*arguments.values)
    synchronize(arguments.values[0].device.type)
    for at, (value, old) in enumerate(zip(arguments.values, before, strict=True)):
        if not _same_bytes(value, old):
            arguments.outputs.append((names[at], at))
            value.copy_(old)


def _same_bytes(one: Any, other: Any) -> bool:
    import torch

    return bool((one.contiguous().view(torch.uint8) == other.contiguous().view(torch.uint8)).all())


def poison(arguments: Arguments) -> None:
    """Make outputs something no kernel computes, so that an element nobody writes is seen: NaN, or bytes of 0x7b."""
    import torch

    for _, at in arguments.outputs:
        value = arguments.values[at]
        if value.dtype.is_floating_point and DTYPE_BYTES.get(str(value.dtype).removeprefix("torch."), 2) > 1:
            value.fill_(float("nan"))
        else:
            value.view(torch.uint8).fill_(0x7B)


def compare_output(name: str, out: Any, expected: Any, tolerance: float) -> dict[str, Any]:
    """Relative error in the 2-norm, in float64; ``None`` where the output holds what is no number."""
    ours, theirs = out.double().cpu().reshape(-1), expected.double().cpu().reshape(-1)
    found = {"name": name, "relative_error": None, "passed": False}
    if ours.shape != theirs.shape:
        return {**found, "reason": f"has {ours.numel()} elements, not {theirs.numel()}"}
    if not bool(ours.isfinite().all()):
        return {**found, "reason": "holds NaN or infinity"}
    norm = float(theirs.norm())
    error = float((ours - theirs).norm()) / norm if norm else float((ours - theirs).norm())
    passed = error <= tolerance
    return {
        "name": name,
        "relative_error": error,
        "passed": passed,
        "reason": "" if passed else "outside the tolerance",
    }


def tolerance_of(dtype: Any) -> float:
    """What two sides of a kernel may differ by that names no tolerance."""
    return 0.0 if not dtype.is_floating_point else _TOLERANCES.get(str(dtype), _COARSE)


def synchronize(device: str) -> None:
    """Wait until a device has done what it was told to; raises what went wrong meanwhile."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def device_name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name(0) if device == "cuda" else device
