"""The doctor's table: what was looked at, in rows and groups."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from scaffold.builds.attestation import read_attestation
from scaffold.builds.doctor import accelerator, checkout, imports, network, room, tools
from scaffold.builds.doctor.facts import Facts, Subject, folder_of
from scaffold.builds.doctor.interpreter import Torch
from scaffold.builds.doctor.look import CouldNotLook
from scaffold.builds.doctor.model import Diagnosis, Row, Step, absent, named, warning


def examine(subject: Subject, step: Step | None = None) -> Diagnosis:
    """Look, and say what is there and what ``step`` lacks; without one, the most this machine can do."""
    facts = Facts(subject)
    groups = (
        ("this machine", _machine_rows(facts)),
        ("GPU", _gpu_rows(facts)),
        ("to build from source", _source_rows(facts)),
        ("TileLang", _tilelang_rows(facts)),
    )
    because = ""
    if step is None:
        has_gpu = any(row.name == "GPU" and row.status == "ok" for _, rows in groups for row in rows)
        step, because = ("run", "there is a GPU") if has_gpu else ("lower", "there is no GPU")
    return Diagnosis(step, because, groups)


def _source_rows(facts: Facts) -> tuple[Row, ...]:
    packages = facts.packages
    return (
        _row("git", lambda: tools.git_row(facts.git(), packages)),
        _row("C++ compiler", lambda: _compiler_row(facts)),
        _row("CMake", lambda: tools.cmake_row(facts.cmake())),
        _row("Ninja", lambda: tools.ninja_row(facts.ninja())),
        _row("compiler cache", lambda: tools.cache_row(facts.cache(), packages)),
        _row("Python headers", lambda: tools.header_row(facts.header(), packages)),
    )


def _compiler_row(facts: Facts) -> Row:
    said = facts.subject.environment.get("CXX", "")
    return tools.compiler_row(facts.compiler(), facts.compiler_trouble(), facts.packages, said)


def _machine_rows(facts: Facts) -> tuple[Row, ...]:
    has_build = facts.subject.build is not None
    return (
        _row("Python", lambda: tools.python_row(sys.version_info[:3], sys.executable)),
        _row("environments", lambda: tools.virtualenv_row(*facts.virtualenv())),
        _row("disk", lambda: room.disk_row(facts.disk(), has_torch=room.has_torch(facts.builds()))),
        _row("memory", lambda: room.memory_row(*facts.memory())),
        _row("package index", lambda: network.index_row(facts.index, has_build=has_build)),
        _row("Git host", lambda: network.git_host_row(facts.git_host)),
    )


def _gpu_rows(facts: Facts) -> tuple[Row, ...]:
    environment = facts.subject.environment
    homes = {name: environment[name] for name in ("CUDA_HOME", "CUDA_PATH") if environment.get(name)}
    return (
        _row("GPU", lambda: accelerator.gpu_row(facts.gpus())),
        _row("nvcc", lambda: _nvcc_row(facts)),
        _row("CUDA_HOME", lambda: accelerator.cuda_home_row(homes, facts.host_toolkit())),
        _row("nvrtc.h", lambda: accelerator.nvrtc_row(facts.toolkits(), facts.pip_header())),
        _row("PyTorch", lambda: _torch_row(facts)),
        _row("CUDA versions", lambda: _cuda_of_torch_row(facts)),
        _row("ROCm", lambda: accelerator.rocm_row(facts.rocm(), facts.gpus().gpu)),
        _row("Metal", lambda: accelerator.metal_row(metal=str(tool.path) if (tool := facts.metal()) else None)),
    )


def _nvcc_row(facts: Facts) -> Row:
    build = facts.subject.build
    python = shlex.quote(build.python if build else facts.invoker().python)
    return accelerator.nvcc_row(facts.toolkits(), facts.failing_nvcc(), facts.gpus().gpu, python)


def _torch_row(facts: Facts) -> Row:
    python = facts.invoker().python
    try:
        torch, trouble = facts.torch(), ""
    except CouldNotLook as error:
        torch, trouble = None, str(error)
    return accelerator.torch_row(torch, trouble, facts.gpus(), python)


def _cuda_of_torch_row(facts: Facts) -> Row:
    """The build's PyTorch counts; where there is no build, the one a build would reuse."""
    loaded = facts.loaded()
    if loaded is not None:
        torch: Torch | None = Torch(loaded.torch, loaded.cuda, "", sees_gpu=False)
    else:
        torch = facts.torch()
    toolkits = facts.toolkits()
    return accelerator.cuda_of_torch_row(toolkits[0] if toolkits else None, torch, facts.tilelang.python)


def _tilelang_rows(facts: Facts) -> tuple[Row, ...]:
    subject = facts.subject
    return (
        _row("build", lambda: _build_row(facts)),
        _row("own import", lambda: imports.shadow_row(facts.invoker(), subject.environment)),
        _row("apache-tvm-ffi", lambda: imports.dependency_row(facts.tilelang, "apache-tvm-ffi")),
        _row("z3-solver", lambda: imports.dependency_row(facts.tilelang, "z3-solver")),
        _row("build/lib", lambda: checkout.library_row(facts.libraries())),
        _row("pre-commit", lambda: _hook_row(facts)),
        _row("variables", lambda: checkout.variables_row(subject.environment)),
        _row("kernel cache", lambda: _kernel_cache_row(facts)),
    )


def _build_row(facts: Facts) -> Row:
    build = facts.subject.build
    if build is None:
        return absent("none yet; one is made when first asked for")
    try:
        loaded = facts.loaded()
    except CouldNotLook as error:
        return imports.import_failure_row(build.name, build.python, str(error))
    if loaded is None:
        return absent("no build")
    # What the user built lies where the user put it; what the kit made, in the build's own folder.
    theirs = build.name.startswith(("python:", "path:"))
    root = Path(loaded.package).parent if theirs else folder_of(build)
    repair = f"python -m scaffold builds remove {build.name} && python -m scaffold builds add {build.name}"
    attestation = read_attestation(facts.subject.workspace, build.name)
    attested = next(
        (
            sha
            for name, sha in (attestation.libraries if attestation else {}).items()
            if name.startswith("libtilelang.")
        ),
        "",
    )
    return imports.loaded_row(loaded, build.name, root, facts.subject.workspace.root, attested, repair)


def _hook_row(facts: Facts) -> Row:
    here = next(iter(facts.checkouts()), None)
    hook = checkout.look_for_hook(here) if here else None
    return checkout.hook_row(here, hook, has_tool=facts.pre_commit() is not None, python=facts.invoker().python)


def _kernel_cache_row(facts: Facts) -> Row:
    folder, entries = facts.kernel_cache()
    disabled = facts.subject.environment.get("TILELANG_DISABLE_CACHE", "").lower() in ("1", "true", "on")
    return checkout.kernel_cache_row(folder, entries, develops=bool(facts.checkouts()), disabled=disabled)


def _row(name: str, judge: Callable[[], Row]) -> Row:
    """The row of one probe; what keeps it from being known is its content."""
    try:
        return named(judge(), name)
    except CouldNotLook as error:
        return named(warning(f"could not look: {error}"), name)
    except Exception as error:  # noqa: BLE001 - one broken probe must not cost the table
        return named(warning(f"could not look: {type(error).__name__}: {error}"), name)
