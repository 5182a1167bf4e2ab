"""Lower one PrimFunc under a recorder, and write all that came of it to a spool."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.probe.compiler_options import compiler_options
from scaffold.probe.failure import fail
from scaffold.probe.recorder import Recorder, copy_module, instrument
from scaffold.probe.spool import SpoolWriter


@dataclass(frozen=True)
class Lowered:
    """What ``tilelang.lower`` returned, or what it raised; ``again``: it was asked before."""

    artifact: Any | None
    error: BaseException | None
    again: bool = False


def record_lowering(
    spool: SpoolWriter,
    tilelang: Any,
    tvm: Any,
    *,
    prim_func: Any,
    target: Any,
    configs: Mapping[str, Any],
    lower: Callable[..., Any] | None = None,
    in_step: bool = False,
) -> Lowered:
    """Lower ``prim_func`` for ``target`` with pass configs ``configs``; whatever it raises is a spool line too.

    ``lower`` is ``tilelang.lower``, for a caller that put something else in its place; ``in_step`` is the recorder's.
    """
    recorder = Recorder(spool, copy=copy_module, in_step=in_step)
    source: str | None = None
    artifact: Any | None = None
    tickets: dict[str, int] = {}
    error: BaseException | None = None
    started = time.perf_counter()
    try:
        tickets["input"] = recorder.module(tvm.IRModule({prim_func.attrs["global_symbol"]: prim_func}))
        with tvm.transform.PassContext(opt_level=3, config=dict(configs), instruments=[instrument(recorder)]), target:
            artifact = (lower or tilelang.lower)(prim_func, target=target)
        tickets["host-module"] = recorder.module(artifact.host_mod)
        tickets["device-module"] = recorder.module(artifact.device_mod)
        source = str(artifact.kernel_source)
    except BaseException as raised:  # noqa: BLE001 - a pass may raise anything; it is the result
        error = raised
    lowering_ms = (time.perf_counter() - started) * 1e3
    running = recorder.running
    if error is not None:
        # The name of the pass that raised must be written before its line closes it.
        fail(spool, "lowering", error, running=running)
    recorder.fail()
    recorder.close()
    spool.write("lowered", {"lowering_ms": lowering_ms, "passes_seen": recorder.passes_seen})
    for kind, ticket in tickets.items():
        spool.write("module", {"kind": kind, "digest": recorder.digest(ticket)})
    if source is not None:
        options = compiler_options(source, target, configs) if str(target.kind) == "cuda" else []
        written = {"digest": spool.text(source), "include_dirs": include_dirs(tilelang), "compiler_options": options}
        spool.write("source", written)
    return Lowered(artifact, error)


def kernel_line(
    *, parameters: Mapping[str, Any], source_sha256: str, target: Any, configs: Mapping[str, Any], function: str
) -> dict[str, Any]:
    """The spool's ``kernel`` line: what is lowered."""
    return {
        "parameters": dict(parameters),
        "source_sha256": source_sha256,
        "target_string": str(target),
        "pass_configs": {key: _plain(value) for key, value in configs.items()},
        "functions": [function],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float, bool, str)):
        return value
    is_list = hasattr(value, "__iter__")
    return " ".join(str(item) for item in value) if is_list else str(value)


def include_dirs(tilelang: Any) -> list[str]:
    """Folders whose headers the generated source includes, as the build's own ``env`` names them."""
    env = getattr(tilelang, "env", None)
    root = Path(tilelang.__file__).parent
    found = [
        getattr(env, "TILELANG_TEMPLATE_PATH", None) or str(root / "src"),
        getattr(env, "CUTLASS_INCLUDE_DIR", None) or str(root / "3rdparty" / "cutlass" / "include"),
    ]
    return [str(path) for path in found if Path(str(path)).is_dir()]
