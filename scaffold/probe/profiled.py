"""Launch one kernel under a profiler: the job ``profiled`` of ``start.py``.

The profiler is told to watch only between ``cudaProfilerStart`` and ``cudaProfilerStop``: what is launched to make the
arguments and to warm up is not in its report. What takes long and concerns no profiler comes after.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from scaffold.probe.arguments import device_name, device_of, make_arguments, synchronize
from scaffold.probe.capture import in_build, pass_configs
from scaffold.probe.failure import fail, tell
from scaffold.probe.kernel import BuiltKernel
from scaffold.probe.lowering import include_dirs
from scaffold.probe.protocol import PROTOCOL_VERSION, KernelRequest, ProtocolError
from scaffold.probe.run import compile_kernel
from scaffold.probe.spool import SpoolWriter

#: With it TileLang writes ``#line`` between the lines of generated source: from which line of Python each came.
#: Source: tile-ai/tilelang 0.1.15, tilelang/transform/pass_config.py (TL_EMIT_LINE_DIRECTIVES).
LINE_DIRECTIVES = "tl.emit_line_directives"


@dataclass(frozen=True)
class ProfileRequest:
    """What ``python start.py profiled`` is told; ``spool`` is the file it writes.

    ``launches`` are made under the profiler's eyes, ``warm_up`` before.
    """

    protocol_version: int
    kernel: KernelRequest
    spool: str
    launches: int
    warm_up: int


def encode_profile_request(request: ProfileRequest) -> dict[str, Any]:
    return asdict(request)


def decode_profile_request(document: dict[str, Any]) -> ProfileRequest:
    """Read a request back.

    Raises
    ------
    ProtocolError
        If the version or a field is not of this protocol.
    """
    if document.get("protocol_version") != PROTOCOL_VERSION:
        raise ProtocolError(
            f"request speaks protocol {document.get('protocol_version')}, this probe {PROTOCOL_VERSION}"
        )
    try:
        return ProfileRequest(**{**document, "kernel": KernelRequest(**document["kernel"])})
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"no request for a profile: {error}") from error


def run(document: dict[str, Any]) -> int:
    """Compile, warm up and launch; what goes wrong is a spool line and exit code 0."""
    return in_build(decode_profile_request(document), _profiled)


def _profiled(request: ProfileRequest, spool: SpoolWriter, tilelang: Any, tvm: Any) -> None:
    try:
        built, compiled = compile_kernel(request.kernel, tilelang, tvm)
        for note in built.notes:
            spool.write("warning", note)
        arguments = make_arguments(request.kernel, built)
        device = device_of(request.kernel.target)
        for _ in range(request.warm_up):
            compiled(*arguments.values)
        synchronize(device)
        with watched(device):
            for _ in range(request.launches):
                compiled(*arguments.values)
            synchronize(device)
    except BaseException as error:  # noqa: BLE001 - a compiler or a GPU may fail in any way; it is the result
        fail(spool, "lowering", error, running=None)
        return
    source = str(compiled.get_kernel_source())
    spool.write("source", {"digest": spool.text(source), "include_dirs": include_dirs(tilelang)})
    marked, why_not = _with_directives(request.kernel, built, tilelang, tvm)
    if why_not:
        spool.write("warning", why_not)
    told = {"device": device_name(device), "launches": request.launches}
    spool.write("run", {**told, "marked": spool.text(marked) if marked else ""})


@contextlib.contextmanager
def watched(device: str) -> Iterator[None]:
    """Have a profiler that waits for it collect what the block launches; elsewhere nothing happens."""
    import torch

    if device != "cuda":
        yield
        return
    # ROCm has the calls by the same names and may refuse them: its profilers do not wait for them.
    with contextlib.suppress(RuntimeError, AttributeError):
        torch.cuda.profiler.start()
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError, AttributeError):
            torch.cuda.profiler.stop()


def _with_directives(request: KernelRequest, built: BuiltKernel, tilelang: Any, tvm: Any) -> tuple[str, str]:
    """The generated source with ``#line`` directives, or why there is none; lowered once more for it."""
    keys = getattr(getattr(tilelang, "transform", None), "PassConfigKey", None)
    if not hasattr(keys, "TL_EMIT_LINE_DIRECTIVES"):
        return "", "this TileLang does not tell which of its lines generated source came from"
    target = tvm.target.Target(dict(request.target_options))
    configs = {**pass_configs(built, request.pass_configs), LINE_DIRECTIVES: True}
    try:
        with tvm.transform.PassContext(opt_level=3, config=configs), target:
            return str(tilelang.lower(built.prim_func, target=target).kernel_source), ""
    except Exception as error:  # noqa: BLE001 - a pass may raise anything, and the profile is there all the same
        return "", f"no lines of TileLang: {tell(error)['message']}"
