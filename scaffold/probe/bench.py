"""One block of a benchmark: the job ``bench`` of ``start.py``. Each kernel is compiled, checked if asked, and timed.

What comes of a kernel is told as it comes, so that a launch that takes the process along leaves what was done before;
after an error of the device nothing more is tried, as no later launch could be believed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaffold.probe.arguments import (
    Arguments,
    compare_output,
    device_name,
    device_of,
    make_arguments,
    name_outputs,
    poison,
    synchronize,
    tolerance_of,
    zoo_kernel,
)
from scaffold.probe.capture import in_build
from scaffold.probe.failure import tell
from scaffold.probe.kernel import BuiltKernel
from scaffold.probe.protocol import BenchRequest, TimedKernel, decode_bench_request
from scaffold.probe.regression import latencies_ms
from scaffold.probe.run import compile_kernel
from scaffold.probe.spool import SpoolWriter
from scaffold.probe.timing import time_launch

#: Sets of equal arguments that launches take in turn, so that none finds its own in a cache; and what they may take.
_MOST_SETS = 4
_MOST_SET_BYTES = 2 * 1024**3

#: Files that hold machine code in a kernel's folder of TileLang's cache.
_BINARIES = (".so", ".cubin", ".fatbin", ".hsaco")


class _WrongError(Exception):
    """The outputs are not what they should be."""


def run(document: dict[str, Any]) -> int:
    """Time what ``document`` asks for; what goes wrong with a kernel is a line, and the exit code 0."""
    request = decode_bench_request(document)
    sys.path += request.packages
    return in_build(request, _bench)


def _bench(request: BenchRequest, spool: SpoolWriter, tilelang: Any, tvm: Any) -> None:
    for item in request.kernels:
        if not _do(item, spool, tilelang, tvm):
            break


def _do(item: TimedKernel, spool: SpoolWriter, tilelang: Any, tvm: Any) -> bool:
    """Time one kernel; false where the device can no longer be used."""
    stage = "compile"

    def say(event: str, **facts: Any) -> None:
        spool.write("bench", {"key": item.key, "event": event, **facts})

    say("begun")
    try:
        if item.contender == "regression":
            stage, begun_at = "time", time.time()
            total = sum(latencies_ms(item.kernel))
            say("timed", method="upstream", samples_ms=[total], notes=[], begun_at=begun_at, ended_at=time.time())
            return True
        started = time.perf_counter()
        before = _binaries()
        built, call = _contender(item, tilelang, tvm)
        compile_ms = (time.perf_counter() - started) * 1e3
        binary_bytes = sum(size for path, size in _binaries().items() if path not in before)
        say("compiled", compile_ms=compile_ms, binary_bytes=binary_bytes or None)
        stage = "launch"
        arguments = make_arguments(item.kernel, built)
        device = device_of(item.kernel.target)
        launch = _launcher(item, arguments, built, call)
        if item.check:
            say("checked", device=device_name(device), outputs=_checked(item, arguments, launch, device))
        if item.budget_ms:
            stage = "time"
            begun_at = time.time()
            sets = [arguments, *(arguments.copy() for _ in range(_sets_of(arguments) - 1))]
            launches = [_launcher(item, one, built, call) for one in sets]
            timed = time_launch(
                lambda number: launches[number % len(launches)](),
                device=device,
                method=item.method,
                budget_ms=item.budget_ms,
            )
            say(
                "timed",
                method=timed.method,
                # A tenth of a nanosecond is below what any of the clocks can tell.
                samples_ms=[round(sample, 7) for sample in timed.samples_ms],
                notes=list(timed.notes),
                begun_at=begun_at,
                ended_at=time.time(),
            )
    except _WrongError as error:
        say("failed", stage="check", error="wrong", message=str(error), fatal=False)
    except BaseException as error:  # noqa: BLE001 - a compiler or a GPU may fail in any way; it is the result
        fatal = not _device_answers(item)
        told = tell(error)
        say("failed", stage=stage, error=told["error"], message=told["message"], fatal=fatal)
        return not fatal
    return True


def _device_answers(item: TimedKernel) -> bool:
    """Whether the device still does what it is told to, after an error."""
    try:
        synchronize(device_of(item.kernel.target))
    except BaseException:  # noqa: BLE001 - whatever it is, no launch after it can be believed
        return False
    return True


def _contender(item: TimedKernel, tilelang: Any, tvm: Any) -> tuple[BuiltKernel, Callable[..., Any]]:
    """What is timed: the kernel, taking all its tensors, or another way to compute the same, taking its inputs."""
    if item.contender == "tilelang":
        return compile_kernel(item.kernel, tilelang, tvm)
    made = zoo_kernel(item.kernel.name).contenders[item.contender](item.kernel.parameters)
    return BuiltKernel(None, dict(item.kernel.parameters), ""), made


def _launcher(
    item: TimedKernel, arguments: Arguments, built: BuiltKernel, call: Callable[..., Any]
) -> Callable[[], Any]:
    if item.contender != "tilelang":
        inputs = arguments.inputs
        return lambda: call(*inputs)
    if item.kernel.path is not None and not arguments.outputs:
        parameters = built.prim_func.params
        names = [str(built.prim_func.buffer_map[parameter].name) for parameter in parameters]
        name_outputs(arguments, names, call)
    values = arguments.values
    return lambda: call(*values)


def _sets_of(arguments: Arguments) -> int:
    size = sum(value.numel() * value.element_size() for value in arguments.values) or 1
    return max(1, min(_MOST_SETS, _MOST_SET_BYTES // size))


def _binaries() -> dict[str, int]:
    """Files of machine code in TileLang's cache, and their sizes."""
    root = Path(os.environ.get("TILELANG_CACHE_DIR", ""))
    if not root.name or not root.is_dir():
        return {}
    return {str(path): path.stat().st_size for path in root.rglob("*") if path.suffix in _BINARIES}


# ---- right before fast


def _checked(item: TimedKernel, arguments: Arguments, launch: Callable[[], Any], device: str) -> list[dict[str, Any]]:
    """Every output against the reference, where there is one, and against the other side's, where that is there."""
    import torch

    inputs = [value.clone() for value in arguments.inputs]
    if item.kernel.path is None:
        poison(arguments)
    made = launch()
    synchronize(device)
    if item.contender == "tilelang":
        outputs = [(name, arguments.values[at]) for name, at in arguments.outputs]
    else:
        made = made if isinstance(made, (tuple, list)) else (made,)
        outputs = [(name, out) for (name, _), out in zip(arguments.outputs, made, strict=False)]
    found = []
    if item.kernel.path is None:
        kernel = zoo_kernel(item.kernel.name)
        expected = kernel.reference(item.kernel.parameters, inputs)
        found += [
            compare_output(name, out, reference, kernel.tolerance.relative)
            for (name, out), reference in zip(outputs, expected, strict=True)
        ]
    if item.save:
        torch.save([(name, out.detach().cpu()) for name, out in outputs], item.save)
    if item.against and Path(item.against).is_file():
        theirs = dict(torch.load(item.against, weights_only=True))
        for name, out in outputs:
            # With a reference each side is held to its own tolerance, so the two may be apart by twice that.
            own = None if item.kernel.path else 2 * zoo_kernel(item.kernel.name).tolerance.relative
            tolerance = own if own is not None else tolerance_of(out.dtype)
            if name in theirs:
                found.append({**compare_output(name, out, theirs[name], tolerance), "name": f"{name} (other side)"})
    if wrong := [one for one in found if not one["passed"]]:
        first = wrong[0]
        error = "" if first["relative_error"] is None else f", relative error {first['relative_error']:.2e}"
        raise _WrongError(f"{first['name']} {first['reason']}{error}")
    return found
