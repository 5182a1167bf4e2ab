"""Run one zoo kernel on this machine against its reference: the job ``run`` of ``start.py``.

Outputs are poisoned before the launch, so an element nobody writes is seen; NaN never passes.
"""

from __future__ import annotations

from typing import Any

from scaffold.probe.arguments import (
    compare_output,
    device_name,
    device_of,
    make_arguments,
    synchronize,
    zoo_kernel,
)
from scaffold.probe.capture import check_pass_configs, in_build, pass_configs
from scaffold.probe.failure import fail
from scaffold.probe.kernel import BuiltKernel, build_kernel
from scaffold.probe.protocol import CaptureRequest, KernelRequest, decode_request
from scaffold.probe.spool import SpoolWriter


def run(document: dict[str, Any]) -> int:
    """Compile, launch and compare; what goes wrong is a spool line and exit code 0."""
    return in_build(decode_request(document), _run)


def _run(request: CaptureRequest, spool: SpoolWriter, tilelang: Any, tvm: Any) -> None:
    try:
        built, compiled = compile_kernel(request.kernel, tilelang, tvm)
        spool.write("run", _check(request.kernel, built, compiled))
    except BaseException as error:  # noqa: BLE001 - a compiler or a GPU may fail in any way; it is the result
        fail(spool, "lowering", error, running=None)


def compile_kernel(request: KernelRequest, tilelang: Any, tvm: Any) -> tuple[BuiltKernel, Any]:
    """The kernel of ``request``, and it compiled and ready to launch with all its tensors in call order."""
    target = tvm.target.Target(dict(request.target_options))
    check_pass_configs(tvm, request.pass_configs)
    built = build_kernel(request, target)
    compiled = tilelang.compile(
        built.prim_func,
        target=target,
        execution_backend="cython" if request.target == "c" else "auto",
        pass_configs=pass_configs(built, request.pass_configs),
    )
    return built, compiled


def _check(request: KernelRequest, built: BuiltKernel, compiled: Any) -> dict[str, Any]:
    kernel, device = zoo_kernel(request.name), device_of(request.target)
    arguments = make_arguments(request, built)
    compiled(*arguments.values)
    synchronize(device)
    expected = kernel.reference(request.parameters, arguments.inputs)
    return {
        "device": device_name(device),
        "tolerance": kernel.tolerance.relative,
        "outputs": [
            compare_output(name, arguments.values[at], reference, kernel.tolerance.relative)
            for (name, at), reference in zip(arguments.outputs, expected, strict=True)
        ],
    }
