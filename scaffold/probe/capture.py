"""Lower one kernel and record it: the job ``capture`` of ``start.py``, told by a ``CaptureRequest``."""

from __future__ import annotations

import contextlib
import difflib
import os
import platform
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaffold.probe.kernel import BuiltKernel, KernelBuildError, build_kernel
from scaffold.probe.protocol import CaptureRequest, decode_request
from scaffold.probe.recorder import Recorder, copy_module, instrument
from scaffold.probe.spool import SpoolWriter

#: What precedes the part of a path that means something elsewhere: of packages, the standard library, the kit.
_LIBRARY = re.compile(r".*/(?:site-packages|python3\.\d+|project)/|.*/(?=scaffold/(?:probe|kernels)/)")

#: TVM errors carry the C++ stack; these lines of it say nothing about the kernel.
_STACK_LINE = ('  File "<unknown>"', '  File "python/tvm_ffi/')


def run(document: dict[str, Any]) -> int:
    """Capture what ``document`` asks for. Expected failures are spool lines and exit code 0; bugs raise."""
    return in_build(document, _capture)


def in_build(document: dict[str, Any], job: Callable[[CaptureRequest, SpoolWriter, Any, Any], None]) -> int:
    """Do ``job`` with the spool open and this build's ``tilelang`` and ``tvm`` imported and told of."""
    request = decode_request(document)
    with SpoolWriter(request.spool) as spool:
        try:
            import tilelang
            import tvm
        except BaseException as error:  # noqa: BLE001 - an import may raise or exit in any way; it is the result
            fail(spool, "import", error, running=None)
        else:
            spool.write("hello", _identity(tilelang, tvm))
            job(request, spool, tilelang, tvm)
        spool.write("end", {})
    return 0


def _capture(request: CaptureRequest, spool: SpoolWriter, tilelang: Any, tvm: Any) -> None:
    try:
        target = tvm.target.Target(dict(request.kernel.target_options))
        check_pass_configs(tvm, request.kernel.pass_configs)
        kernel = build_kernel(request.kernel, target)
        configs = pass_configs(kernel, request.kernel.pass_configs)
    except BaseException as error:  # noqa: BLE001 - the user's code may raise or exit in any way; it is the result
        fail(spool, "build-kernel", error, running=None)
        return
    for note in kernel.notes:
        spool.write("warning", note)
    spool.write(
        "kernel",
        {
            "parameters": kernel.parameters,
            "source_sha256": kernel.source_sha256,
            "target_string": str(target),
            "pass_configs": {key: _plain(value) for key, value in configs.items()},
            "functions": [str(kernel.prim_func.attrs["global_symbol"])],
        },
    )
    recorder = Recorder(spool, copy=copy_module)
    source: str | None = None
    tickets: dict[str, int] = {}
    failure: BaseException | None = None
    started = time.perf_counter()
    try:
        tickets["input"] = recorder.module(tvm.IRModule({kernel.prim_func.attrs["global_symbol"]: kernel.prim_func}))
        with tvm.transform.PassContext(opt_level=3, config=configs, instruments=[instrument(recorder)]), target:
            artifact = tilelang.lower(kernel.prim_func, target=target)
        tickets["host-module"] = recorder.module(artifact.host_mod)
        tickets["device-module"] = recorder.module(artifact.device_mod)
        source = str(artifact.kernel_source)
    except BaseException as error:  # noqa: BLE001 - a pass may raise anything; it is the result
        failure = error
    lowering_ms = (time.perf_counter() - started) * 1e3
    running = recorder.running
    if failure is not None:
        # The name of the pass that raised must be written before its line closes it.
        fail(spool, "lowering", failure, running=running)
    recorder.fail()
    recorder.close()
    spool.write("lowered", {"lowering_ms": lowering_ms, "passes_seen": recorder.passes_seen})
    for kind, ticket in tickets.items():
        spool.write("module", {"kind": kind, "digest": recorder.digest(ticket)})
    if source is not None:
        spool.write("source", {"digest": spool.text(source), "include_dirs": _include_dirs(tilelang)})


def pass_configs(kernel: BuiltKernel, asked: dict[str, str]) -> dict[str, Any]:
    """The decorator's pass configs with those asked for on top, in the form TVM wants."""
    merged: dict[str, Any] = {**kernel.pass_configs, **{key: _literal(text) for key, text in asked.items()}}
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
            said = _message(error).splitlines()[-1]
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


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float, bool, str)):
        return value
    is_list = hasattr(value, "__iter__")
    return " ".join(str(item) for item in value) if is_list else str(value)


def _identity(tilelang: Any, tvm: Any) -> dict[str, Any]:
    return {
        "tilelang_version": str(tilelang.__version__),
        "tilelang_path": str(Path(tilelang.__file__).parent),
        "tir_namespace": "tirx" if hasattr(tvm, "tirx") else "tir",
        "libraries": _loaded_libraries(Path(tilelang.__file__).parent),
        "packages": _package_versions(("apache-tvm-ffi", "torch", "z3-solver")),
        "python": platform.python_version(),
        "pid": os.getpid(),
    }


def _loaded_libraries(package: Path, maps: Path = Path("/proc/self/maps")) -> list[str]:
    """Paths of the TileLang and TVM libraries in this process, from the kernel's own list of mappings.

    macOS has no such list: there they are those in the first of the two folders TileLang's own loader looks in.
    """
    if not maps.exists():
        folders = (package / "lib", package.parent / "build" / "lib")
        found = (sorted([*folder.glob("libtilelang*"), *folder.glob("libtvm*")]) for folder in folders)
        return [str(path) for path in next(filter(None, found), [])]
    paths = {line.split(maxsplit=5)[5] for line in maps.read_text().splitlines() if line.count("/")}
    return sorted(path for path in paths if Path(path).name.startswith(("libtilelang", "libtvm")))


def _package_versions(names: tuple[str, ...]) -> dict[str, str]:
    from importlib import metadata

    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _include_dirs(tilelang: Any) -> list[str]:
    """Folders whose headers the generated source includes, as the build's own ``env`` names them."""
    env = getattr(tilelang, "env", None)
    root = Path(tilelang.__file__).parent
    found = [
        getattr(env, "TILELANG_TEMPLATE_PATH", None) or str(root / "src"),
        getattr(env, "CUTLASS_INCLUDE_DIR", None) or str(root / "3rdparty" / "cutlass" / "include"),
    ]
    return [str(path) for path in found if Path(str(path)).is_dir()]


def fail(spool: SpoolWriter, stage: str, error: BaseException, *, running: tuple[int, str] | None) -> None:
    spool.write(
        "failure",
        {
            "stage": stage,
            "pass_sequence": running[0] if running else None,
            "pass_name": running[1] if running else None,
            "error": type(error).__name__,
            "message": _message(error),
            "traceback": _traceback(error),
            "where": _where(error),
            "users_fault": isinstance(error, KernelBuildError),
        },
    )


def _traceback(error: BaseException) -> str:
    """The way to the error without what is this machine's: short paths, and only the user's lines are quoted."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == "<unknown>":
            continue  # a C++ frame without debug information, of which TVM adds dozens
        lines.append(f'  File "{_short_path(frame.filename)}", line {frame.lineno}, in {frame.name}')
        if frame.line and not _LIBRARY.search(frame.filename.replace("\\", "/")):
            lines.append(f"    {frame.line}")
    return "\n".join([*lines, f"{type(error).__name__}: {_message(error)}"])


def _short_path(path: str) -> str:
    """``tilelang/engine/lower.py`` for a file of a library, the bare name for one of the user's."""
    path = path.replace("\\", "/")
    match = _LIBRARY.search(path)
    return path[match.end() :] if match else path.rpartition("/")[2]


def _where(error: BaseException) -> str | None:
    """The innermost line of TileLang's own Python on the way to the error; TVM's inside it does not count."""
    found = None
    for frame in traceback.extract_tb(error.__traceback__):
        _, inside, tail = frame.filename.replace("\\", "/").rpartition("/tilelang/")
        if inside and "3rdparty" not in tail:
            found = f"tilelang/{tail}:{frame.lineno}"
    return found


def _message(error: BaseException) -> str:
    """What the error says, without C++ frames."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith(_STACK_LINE)]
    said = "\n".join(lines).strip() or type(error).__name__
    # TileLang points at the user's line by its whole path; the name of the file says as much, on any machine.
    return re.sub(r"(--> )\S*/", r"\1", said)
