"""From generated CUDA source to PTX, SASS and resources, with the nvcc at hand.

The options are those that the build itself passes to nvcc, as it was asked for them
(:mod:`scaffold.probe.compiler_options`), so the machine code is the one that would run. Of a build that cannot be asked
they are those of ``tilelang/cuda/backend.py`` of 0.1.15: ``-O3 -std=c++20`` and further flags by pass config.
Results are kept by content: the same source, compiler and options are compiled once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scaffold.builds.content import FileHashes
from scaffold.builds.process import run_logged
from scaffold.builds.workspace import Workspace
from scaffold.files import write_atomically
from scaffold.progress import Progress
from scaffold.trace.model import FunctionResources, Scalar

#: Raise it when what is kept, or how it is made, changes.
_CACHE_VERSION = 2
_TIMEOUT_S = 300.0

_ENTRY = re.compile(r"Compiling entry function '([^']+)'")
_SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")
_SASS_FUNCTION = re.compile(r"^\.text\.(\w+):", re.MULTILINE)
_SASS_INSTRUCTION = re.compile(r"^\s+(?:@!?U?P\w+ )?[A-Z][A-Z0-9_.]+\b.*;")
_INTERNAL_NAME = re.compile(r"(?P<kind>_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}(?P<file>_\d+_kernel_cu_)[0-9a-f]{8}")
_SASS_ADDRESS = re.compile(r"/\*[0-9a-f]{4,}\*/\s*")


@dataclass(frozen=True)
class MachineCode:
    """What was made, or why it is not there (a line for the user, with the remedy)."""

    ptx: str | None = None
    sass: str | None = None
    resources: tuple[FunctionResources, ...] = ()
    missing: str | None = None
    missing_sass: str | None = None


@dataclass(frozen=True)
class Toolchain:
    """Where nvcc and nvdisasm are; either may be absent."""

    nvcc: Path | None
    nvdisasm: Path | None


def find_toolchain(build_python: Path | None = None) -> Toolchain:
    """Look on PATH, in CUDA_HOME, and in pip's CUDA packages of the kit's and the build's environments."""
    folders = [Path(os.environ[name]) / "bin" for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    sites = [Path(sysconfig.get_paths()["purelib"])]
    if build_python is not None:
        sites += sorted(build_python.parent.parent.glob("lib/python*/site-packages"))
    for site in sites:
        folders += [*sorted(site.glob("nvidia/*/bin")), site / "triton/backends/nvidia/bin"]
    return Toolchain(_which("nvcc", folders), _which("nvdisasm", folders))


def compile_cuda(
    source: str,
    *,
    arch: str,
    include_dirs: Sequence[str],
    options: Sequence[str] = (),
    pass_configs: Mapping[str, Scalar],
    headers_key: str,
    toolchain: Toolchain,
    workspace: Workspace,
    progress: Progress,
) -> MachineCode:
    """Compile ``source`` for ``arch`` (``sm_90a``) with ``options``; without any, with TileLang's defaults.

    ``headers_key`` stands for the content of ``include_dirs`` in the key of the cache: the hash of the library they
    came with. TileLang's own headers are looked at besides: to edit them changes no library.
    """
    if toolchain.nvcc is None:
        return MachineCode(
            missing="no nvcc on PATH or in pip's packages; pip install nvidia-cuda-nvcc nvidia-cuda-cccl"
        )
    options = ["-w", *(options or _default_options(arch, pass_configs)), *(f"-I{folder}" for folder in include_dirs)]
    headers = [headers_key, *_templates(include_dirs, workspace)]
    key = _key(source, [*options, *headers, _stamp(toolchain.nvcc), _stamp(toolchain.nvdisasm)])
    cached = workspace.cache / "machine-code" / f"{key}.json"
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(cached.read_bytes(), type=MachineCode)
    with progress.step(f"compiling for {arch} with nvcc"):
        made = _compile(source, options, toolchain, progress)
    if made.missing is None:
        write_atomically(cached, msgspec.json.encode(made))
    return made


def _templates(include_dirs: Sequence[str], workspace: Workspace) -> list[str]:
    """Name and hash of each header of ``tl_templates``."""
    hashes = FileHashes(workspace.cache / "templates.json")
    found = []
    for folder in map(Path, include_dirs):
        files = sorted(path for path in (folder / "tl_templates").rglob("*") if path.is_file())
        found += [f"{path.relative_to(folder)} {hashes.of(path)}" for path in files]
    hashes.save()
    return found


def _default_options(arch: str, pass_configs: Mapping[str, Scalar]) -> list[str]:
    number = arch.removeprefix("sm_")
    options = ["-O3", "-std=c++20", "-gencode", f"arch=compute_{number},code=sm_{number}"]
    if pass_configs.get("tl.enable_fast_math"):
        options.append("--use_fast_math")
    if "tl.ptxas_register_usage_level" in pass_configs:
        options.append(f"--ptxas-options=--register-usage-level={pass_configs['tl.ptxas_register_usage_level']}")
    if pass_configs.get("tl.device_compile_flags"):
        options += shlex.split(str(pass_configs["tl.device_compile_flags"]))
    return options


def _compile(source: str, options: Sequence[str], toolchain: Toolchain, progress: Progress) -> MachineCode:
    with tempfile.TemporaryDirectory(prefix="scaffold-nvcc-") as name:
        folder = Path(name)
        (folder / "kernel.cu").write_text(source, encoding="utf-8")
        command = [str(toolchain.nvcc), "-cubin", "-Xptxas", "-v", "--keep", "--keep-dir", name, *options]
        command += ["-o", str(folder / "kernel.cubin"), str(folder / "kernel.cu")]
        finished = run_logged(command, log=folder / "log", progress=progress, cwd=folder, timeout_s=_TIMEOUT_S)
        log = finished.tail(10_000)
        if finished.timed_out:
            return MachineCode(missing=f"nvcc did not end within {_TIMEOUT_S:.0f} s")
        if finished.returncode != 0:
            return MachineCode(missing=f"nvcc failed: {_first_error(log)}")
        sass, missing_sass = _disassemble(folder / "kernel.cubin", toolchain.nvdisasm)
        ptx = (folder / "kernel.ptx").read_text(encoding="utf-8", errors="replace")
        return MachineCode(tidy_ptx(ptx), sass, parse_resources(log, sass), None, missing_sass)


def _disassemble(cubin: Path, nvdisasm: Path | None) -> tuple[str | None, str | None]:
    if nvdisasm is None:
        return None, "no nvdisasm on PATH or in pip's packages; pip install nvidia-cuda-nvdisasm"
    finished = subprocess.run([str(nvdisasm), "-c", str(cubin)], capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        return None, f"nvdisasm failed: {finished.stderr.strip().splitlines()[-1] if finished.stderr.strip() else ''}"
    return tidy_sass(finished.stdout), None


def tidy_sass(text: str) -> str:
    """Keep the functions' instructions and labels; drop addresses, which shift with every instruction."""
    kept = []
    inside = False
    for line in text.splitlines():
        if line.startswith(".text."):
            inside = True
        elif line.lstrip().startswith((".section", "//--------------------- .")) and not line.lstrip().startswith(
            "//--------------------- .text"
        ):
            inside = False
        if inside and not line.lstrip().startswith(
            (".section", ".sectioninfo", "//", ".align", ".weak", ".type", ".size")
        ):
            stripped = _SASS_ADDRESS.sub("", line).rstrip()
            if stripped.strip():
                kept.append(
                    " ".join(stripped.split()) if stripped.lstrip()[:1] == "." else "  " + " ".join(stripped.split())
                )
    return "\n".join(kept) + "\n"


def parse_resources(log: str, sass: str | None) -> tuple[FunctionResources, ...]:
    """Read ptxas's ``-v`` report: one entry per kernel function, in its order."""
    counts = _count_instructions(sass) if sass is not None else {}
    found = []
    for block in re.split(r"(?=Compiling entry function ')", log)[1:]:
        entry, spills, used, shared = (p.search(block) for p in (_ENTRY, _SPILLS, _USED, _SHARED))
        if entry is None or used is None:
            continue
        stack, stores, loads = (int(value) for value in spills.groups()) if spills else (0, 0, 0)
        found.append(
            FunctionResources(
                function=entry.group(1),
                registers=int(used.group(1)),
                spill_store_bytes=stores,
                spill_load_bytes=loads,
                stack_bytes=stack,
                static_shared_bytes=int(shared.group(1)) if shared else 0,
                sass_instructions=counts.get(entry.group(1)),
            )
        )
    return tuple(sorted(found, key=lambda item: item.function))


def _count_instructions(sass: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    function = None
    for line in sass.splitlines():
        match = _SASS_FUNCTION.match(line)
        if match:
            function = match.group(1)
            counts[function] = 0
        elif function is not None and _SASS_INSTRUCTION.match(line) and not line.strip().startswith("NOP"):
            counts[function] += 1
    return counts


def tidy_ptx(text: str) -> str:
    """Drop the compiler's banner and the debug lines, which name temporary paths, and what is hashed from paths.

    nvcc gives names of internal linkage a hash of its options, include folders among them.
    """
    text = _INTERNAL_NAME.sub(r"\g<kind>0\g<file>0", text)
    kept = [line.rstrip() for line in text.splitlines() if not line.lstrip().startswith(("//", ".file", ".loc"))]
    return "\n".join(line for line in kept if line) + "\n"


def _first_error(log: str) -> str:
    errors = [line for line in log.splitlines() if "error" in line.lower()]
    line = errors[0] if errors else log.strip().splitlines()[-1] if log.strip() else "it said nothing"
    return re.sub(r"/\S*/", "", line).strip()


def _which(name: str, folders: Sequence[Path]) -> Path | None:
    found = shutil.which(name)
    if found:
        return Path(found)
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _stamp(tool: Path | None) -> str:
    """What tells one tool from another: where it is, its size and when it was made."""
    if tool is None:
        return "none"
    status = tool.resolve().stat()
    return f"{tool.resolve()}|{status.st_size}|{status.st_mtime_ns}"


def _key(source: str, parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([str(_CACHE_VERSION), source, *parts]).encode()).hexdigest()
