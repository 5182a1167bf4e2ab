"""Prove a build in its own interpreter: what it loads, that it lowers, and runs where there is a GPU for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from scaffold.builds.attestation import SCHEMA_VERSION, Attestation, Proof, path_of
from scaffold.builds.build import Build
from scaffold.builds.from_source import Made
from scaffold.builds.gpu import find_gpu
from scaffold.builds.libraries import hash_libraries
from scaffold.builds.native.compile import Native
from scaffold.builds.probing import last_line, run_probe
from scaffold.builds.running import run_kernel
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, ScaffoldError
from scaffold.files import write_atomically
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.progress import Progress

#: What is lowered as proof, by what the build was made for: a kernel and a target that needs no GPU.
_PROOFS = {
    "cuda": ("gemm", "cuda:sm_80"),
    "rocm": ("gemm", "hip:gfx942"),
    "metal": ("gemm", "metal"),
    "cpu": ("cpu_gemm", "c"),
}
_TIMEOUT_S = 300.0


def prove(
    build: Build, *, made: Made | None = None, flags: str = "", workspace: Workspace, progress: Progress
) -> Attestation:
    """Lower a kernel in the build, run it where there is a GPU for it, and write down what was loaded.

    Raises
    ------
    BuildFailedError
        If what gets imported is not this build.
    EnvironmentProblem, ProbeError
        If it does not import, or dies before the first pass.
    """
    name = build.name
    backends = made.backends if made else ("cuda",)
    kernel, target = _PROOFS[next((item for item in backends if item in _PROOFS), "cpu")]
    request = resolve(kernel, Settings(target=target), default_target=target)
    with progress.step(f"proving {name}: lowering {kernel} for {target}"):
        probed = run_probe("capture", request, build, workspace=workspace, progress=progress, timeout_s=_TIMEOUT_S)
    hello = probed.spool.hello or {}
    libraries = [Path(path) for path in hello.get("libraries", ())]
    if made is not None:
        _require_own(name, libraries, made.source.folder)
    if probed.failure is not None:
        # A change that breaks a kernel is what one wants to look at with this build: said, and no reason to refuse it.
        where = f" in {probed.failure.pass_name}" if probed.failure.pass_name else ""
        ran = f"failed to lower{where}: {probed.failure.error}: {last_line(probed.failure.message)}"
    else:
        ran = _run(kernel, target, build, workspace, progress)
    hashed = hash_libraries(map(str, libraries), workspace)
    attestation = Attestation(
        schema_version=SCHEMA_VERSION,
        name=name,
        python=build.python,
        python_version=hello.get("python", ""),
        tilelang_version=hello.get("tilelang_version", "unknown"),
        tilelang_path=hello.get("tilelang_path", ""),
        libraries={item.name: item.sha256 for item in hashed},
        packages=dict(hello.get("packages", {})),
        made_of=made.source.identity.to_json() if made else {},
        made_with=made_with(made, flags) if made else {},
        proof=Proof(kernel, target, len(probed.spool.passes), ran),
    )
    write_atomically(path_of(workspace, name), msgspec.json.format(msgspec.json.encode(attestation), indent=1))
    return attestation


def _require_own(name: str, libraries: list[Path], source: Path) -> None:
    own = (source / "build" / "lib").resolve()
    foreign = [path for path in libraries if path.resolve().parent != own and not path.name.startswith("libtvm_ffi")]
    if foreign or not any(path.name.startswith("libtilelang") for path in libraries):
        found = foreign[0] if foreign else "no libtilelang at all"
        raise BuildFailedError(
            f"{name} was compiled, but what gets imported is {found}",
            hint="something in its environment comes first; remove it and make it anew: "
            f"python -m scaffold builds remove {name}",
            context={"expected": own},
        )


def _run(kernel: str, target: str, build: Build, workspace: Workspace, progress: Progress) -> str:
    """How the kernel did on this machine's GPU, in a line; ``target`` is what it was lowered for."""
    gpu = find_gpu()
    if gpu is None:
        return "not run: no GPU here"
    if gpu.target.partition(":")[0] != target.partition(":")[0]:
        return f"not run: this build is not for {gpu.name}"
    request = resolve(kernel, Settings(target=gpu.target), default_target=gpu.target)
    try:
        check = run_kernel(request, build, workspace=workspace, progress=progress, timeout_s=_TIMEOUT_S)
    except ScaffoldError as error:
        return f"failed on {gpu.name}: {error.message}"
    worst = max((output.relative_error or 0.0 for output in check.outputs), default=0.0)
    said = f"relative error {worst:.1e}" if check.passed else "; ".join(o.reason for o in check.outputs if not o.passed)
    return f"{'right' if check.passed else 'wrong'} on {check.device} for {gpu.target}: {said}"


def made_with(made: Made, flags: str) -> dict[str, Any]:
    """How a build was made, and whose libraries it has."""
    toolbox, native = made.toolbox, made.native
    return {
        "backends": list(made.backends),
        "compiler": f"{toolbox.compiler.path.name} {toolbox.compiler.version}",
        "flags": flags,
        "lean_headers": native.lean,
        "launcher": toolbox.launcher.name if toolbox.launcher else None,
        "cuda": f"{toolbox.cuda.version} ({toolbox.cuda.origin})" if toolbox.cuda else None,
        "tvm": {"mode": made.tvm.mode, "origin": made.tvm.origin, "reason": made.tvm_reason},
        "cmake_options": list(native.options),
        "compiled": _counts(native),
        "compiled_tvm": _counts(made.tvm_native) if made.tvm_native else None,
        "libraries_of": native.taken_from or None,
        "native": dict(made.shared) if made.shared else None,
    }


def _counts(native: Native) -> dict[str, Any]:
    return {
        "steps": native.steps,
        "seconds": round(native.seconds, 1),
        "jobs": native.jobs,
        "cache_hits": native.cache_hits,
        "cache_misses": native.cache_misses,
    }
