"""How much one launch of a kernel computes and moves, for a kernel that says so."""

from __future__ import annotations

from scaffold.kernels.catalog import load_zoo_kernel
from scaffold.probe.protocol import KernelRequest


def work_of(request: KernelRequest) -> tuple[int | None, int | None]:
    """Floating-point operations, and the fewest bytes through device memory; ``None`` for a kernel of the user's."""
    if request.path is not None:
        return None, None
    kernel = load_zoo_kernel(request.name)
    return kernel.flops(request.parameters), kernel.bytes(request.parameters)


def matrix_dtype(request: KernelRequest) -> str:
    """The dtype of the first input, by which a matrix rate is chosen; empty for a kernel of the user's."""
    if request.path is not None:
        return ""
    return load_zoo_kernel(request.name).tensors(request.parameters)[0].dtype
