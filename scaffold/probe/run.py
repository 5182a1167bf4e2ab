"""Run one zoo kernel on this machine against its reference: the job ``run`` of ``start.py``.

Outputs are poisoned before the launch, so an element nobody writes is seen; NaN never passes.
"""

from __future__ import annotations

import importlib
from typing import Any

from scaffold.kernels.model import DTYPE_BYTES, Tensor, ZooKernel
from scaffold.probe.capture import check_pass_configs, in_build, pass_configs
from scaffold.probe.failure import fail
from scaffold.probe.kernel import build_kernel
from scaffold.probe.protocol import CaptureRequest
from scaffold.probe.spool import SpoolWriter

_SEED = 20


def run(document: dict[str, Any]) -> int:
    """Compile, launch and compare; what goes wrong is a spool line and exit code 0."""
    return in_build(document, _run)


def _run(request: CaptureRequest, spool: SpoolWriter, tilelang: Any, tvm: Any) -> None:
    try:
        kernel: ZooKernel = importlib.import_module(f"scaffold.kernels.zoo.{request.kernel.name}").KERNEL
        target = tvm.target.Target(dict(request.kernel.target_options))
        check_pass_configs(tvm, request.kernel.pass_configs)
        built = build_kernel(request.kernel, target)
        compiled = tilelang.compile(
            built.prim_func,
            target=target,
            execution_backend="cython" if request.kernel.target == "c" else "auto",
            pass_configs=pass_configs(built, request.kernel.pass_configs),
        )
        spool.write("run", _check(kernel, request.kernel.parameters, compiled, request.kernel.target))
    except BaseException as error:  # noqa: BLE001 - a compiler or a GPU may fail in any way; it is the result
        fail(spool, "lowering", error, running=None)


def _check(kernel: ZooKernel, parameters: dict[str, Any], compiled: Any, target: str) -> dict[str, Any]:
    import torch

    device = "cpu" if target in ("c", "llvm") else "mps" if target == "metal" else "cuda"
    tensors = kernel.tensors(parameters)
    inputs = _inputs(kernel, parameters, device)
    outputs = [_poisoned(tensor, device) for tensor in tensors if tensor.role == "output"]
    arguments, left_in, left_out = [], list(inputs), list(outputs)
    for tensor in tensors:
        arguments.append((left_in if tensor.role == "input" else left_out).pop(0))
    compiled(*arguments)
    if device == "cuda":
        torch.cuda.synchronize()
    expected = kernel.reference(parameters, inputs)
    names = [tensor.name for tensor in tensors if tensor.role == "output"]
    return {
        "device": torch.cuda.get_device_name(0) if device == "cuda" else device,
        "tolerance": kernel.tolerance.relative,
        "outputs": [
            _compare(name, out, ref, kernel.tolerance.relative)
            for name, out, ref in zip(names, outputs, expected, strict=True)
        ],
    }


def _inputs(kernel: ZooKernel, parameters: dict[str, Any], device: str) -> tuple[Any, ...]:
    import torch

    if kernel.make_inputs is not None:
        return kernel.make_inputs(parameters, device, _SEED)
    generator = torch.Generator(device=device).manual_seed(_SEED)
    found = []
    for tensor in kernel.tensors(parameters):
        if tensor.role != "input":
            continue
        dtype = getattr(torch, tensor.dtype)
        if dtype.is_floating_point:
            found.append(torch.randn(tensor.shape, generator=generator, device=device).to(dtype))
        else:
            found.append(torch.randint(0, 64, tensor.shape, generator=generator, device=device).to(dtype))
    return tuple(found)


def _poisoned(tensor: Tensor, device: str) -> Any:
    """An output nobody wrote yet: NaN, or the pattern 0x7b in every byte of an integer."""
    import torch

    dtype = getattr(torch, tensor.dtype)
    if dtype.is_floating_point and DTYPE_BYTES[tensor.dtype] > 1:
        return torch.full(tensor.shape, float("nan"), dtype=dtype, device=device)
    count = tensor.bytes
    return torch.full((count,), 0x7B, dtype=torch.uint8, device=device).view(dtype).reshape(tensor.shape)


def _compare(name: str, out: Any, expected: Any, tolerance: float) -> dict[str, Any]:
    """Relative error in the 2-norm, in float64; ``None`` where the output holds what is no number."""
    ours, theirs = out.double().cpu().reshape(-1), expected.double().cpu().reshape(-1)
    if not bool(ours.isfinite().all()):
        return {"name": name, "relative_error": None, "passed": False, "reason": "holds NaN or infinity"}
    norm = float(theirs.norm())
    error = float((ours - theirs).norm()) / norm if norm else float((ours - theirs).norm())
    passed = error <= tolerance
    return {
        "name": name,
        "relative_error": error,
        "passed": passed,
        "reason": "" if passed else "outside the tolerance",
    }
