"""Lower one kernel and record it: the job ``capture`` of ``start.py``, told by a ``CaptureRequest``."""

from __future__ import annotations

import contextlib
import difflib
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from scaffold.probe.failure import fail, message
from scaffold.probe.identity import identity
from scaffold.probe.kernel import BuiltKernel, CompilesItselfError, KernelBuildError, build_kernel
from scaffold.probe.lowering import kernel_line, record_lowering
from scaffold.probe.protocol import CaptureRequest, decode_request
from scaffold.probe.spool import SpoolWriter


def run(document: dict[str, Any]) -> int:
    """Capture what ``document`` asks for. Expected failures are spool lines and exit code 0; bugs raise."""
    return in_build(decode_request(document), _capture)


class _Request(Protocol):
    """What every job is told: the file its answer goes to."""

    @property
    def spool(self) -> str: ...


R = TypeVar("R", bound=_Request)


def in_build(request: R, job: Callable[[R, SpoolWriter, Any, Any], None]) -> int:
    """Do ``job`` with the spool open and this build's ``tilelang`` and ``tvm`` imported and told of."""
    with SpoolWriter(request.spool) as spool:
        try:
            import tilelang
            import tvm
        except BaseException as error:  # noqa: BLE001 - an import may raise or exit in any way; it is the result
            fail(spool, "import", error, running=None)
        else:
            spool.write("hello", identity(tilelang, tvm))
            job(request, spool, tilelang, tvm)
        spool.write("end", {})
    return 0


def _capture(request: CaptureRequest, spool: SpoolWriter, tilelang: Any, tvm: Any) -> None:
    try:
        target = tvm.target.Target(dict(request.kernel.target_options))
        check_pass_configs(tvm, request.kernel.pass_configs)
        _refuse_compiling()
        kernel = build_kernel(request.kernel, target)
        configs = pass_configs(kernel, request.kernel.pass_configs)
    except BaseException as error:  # noqa: BLE001 - the user's code may raise or exit in any way; it is the result
        fail(spool, "build-kernel", error, running=None)
        return
    for note in kernel.notes:
        spool.write("warning", note)
    spool.write(
        "kernel",
        kernel_line(
            parameters=kernel.parameters,
            source_sha256=kernel.source_sha256,
            target=target,
            configs=configs,
            function=str(kernel.prim_func.attrs["global_symbol"]),
        ),
    )
    record_lowering(
        spool, tilelang, tvm, prim_func=kernel.prim_func, target=target, configs=configs, in_step=request.in_step
    )


def _refuse_compiling() -> None:
    """Let a file that compiles its kernels itself say so: here that would be for real, for the GPU of this machine."""
    jit_kernel = getattr(sys.modules.get("tilelang.jit.kernel"), "JITKernel", None)

    def refuse(*_: Any, **__: Any) -> Any:
        raise CompilesItselfError("it compiles its kernel itself")

    if hasattr(jit_kernel, "_compile_and_create_adapter"):
        setattr(jit_kernel, "_compile_and_create_adapter", refuse)  # noqa: B010 - it is a class of TileLang's


def pass_configs(kernel: BuiltKernel, asked: dict[str, str]) -> dict[str, Any]:
    """The decorator's pass configs with those asked for on top, in the form TVM wants."""
    return normal_pass_configs(kernel.pass_configs, asked)


def normal_pass_configs(own: Mapping[Any, Any], asked: Mapping[str, str]) -> dict[str, Any]:
    """A kernel's ``own`` pass configs with those ``asked`` for on top, in the form TVM wants."""
    merged: dict[Any, Any] = {**own, **{key: _literal(text) for key, text in asked.items()}}
    module = sys.modules.get("tilelang.transform.pass_config")
    normalize = getattr(module, "normalize_pass_configs", None)
    if normalize is not None:
        merged = dict(normalize(merged) or {})
    return {str(getattr(key, "value", key)): value for key, value in merged.items()}


def check_pass_configs(tvm: Any, asked: dict[str, str]) -> None:
    """Refuse a pass config this build does not know, or not with that value, before anything is lowered.

    TVM names every config it knows in its error; the nearest of them are worth more than all.
    """
    for key, text in asked.items():
        try:
            tvm.transform.PassContext(config={key: _literal(text)})
        except Exception as error:  # TVM raises several kinds here, by release
            said = message(error).splitlines()[-1]
            known = sorted(set(re.findall(r"[\w]+(?:\.[\w]+)+", said)) - {key})
            near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
            if "nvalid config" in said and len(known) > 1:
                hint = f"did you mean {', '.join(near)}?" if near else f"it knows {len(known)} others"
                raise KernelBuildError(f"this TileLang has no pass config {key!r}; {hint}") from error
            raise KernelBuildError(f"pass config {key}={text!r}: {said[-300:]}") from error


def _literal(text: str) -> Any:
    """A pass config's value: a truth value, a number, ``[a, b]`` for a list, else text."""
    lowered = text.lower()
    if text.startswith("[") and text.endswith("]"):
        return [item.strip() for item in text[1:-1].split(",") if item.strip()]
    if lowered in ("true", "false"):
        return lowered == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
