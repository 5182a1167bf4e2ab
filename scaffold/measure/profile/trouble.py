"""What profilers say when they measure nothing, and what mends it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.errors import CountersNotPermittedError, NothingProfiledError, ProfilerFailedError, ScaffoldError

PERMISSION_HINT = (
    "run as root; in a container: docker run --cap-add=SYS_ADMIN …; or for everybody, as root: "
    "echo 'options nvidia NVreg_RestrictProfilingToAdminUsers=0' > /etc/modprobe.d/ncu.conf, then reboot; "
    "see https://developer.nvidia.com/ERR_NVGPUCTRPERM; without counters: --tool nsys"
)


@dataclass(frozen=True)
class Trouble:
    """A line of a profiler's log, and the error that explains it."""

    pattern: str
    kind: type[ScaffoldError]
    message: str
    hint: str


#: Looked for in this order: one cause may say two things, the general one last.
#: Sources: https://developer.nvidia.com/ERR_NVGPUCTRPERM; Nsight Compute's Profiling Guide, "FAQ"; texts as users
#: pasted them (meta-pytorch/tritonbench#632, NVIDIA/cuda-samples#10). The last two are of what may be said, not seen.
NCU_TROUBLES: tuple[Trouble, ...] = (
    Trouble(
        r"ERR_NVGPUCTRPERM|does not have permission to (?:access|profile)",
        CountersNotPermittedError,
        "the driver does not permit this user the GPU's performance counters (ERR_NVGPUCTRPERM)",
        PERMISSION_HINT,
    ),
    Trouble(
        r"driver is not compatible with Nsight Compute|Failed to load Nsight Compute CUDA modules",
        ProfilerFailedError,
        "this Nsight Compute is too new for the driver",
        "update the driver, or put an older ncu first on PATH: that of the CUDA which nvidia-smi names",
    ),
    Trouble(
        r"driver resource was unavailable",
        ProfilerFailedError,
        "another tool holds the GPU's counters",
        "stop it, as root: dcgmi profile --pause (DCGM is the usual one); then dcgmi profile --resume",
    ),
    Trouble(
        r"Failed to initialize the profiler|LibraryNotLoaded",
        ProfilerFailedError,
        "Nsight Compute finds no driver it can profile with: sandboxes such as gVisor do not let counters through",
        "run on the machine itself or in a container of the driver's own runtime; without counters: --tool nsys",
    ),
    Trouble(
        r"not supported on (?:this )?(?:device|GPU)|[Uu]nsupported GPU|is not supported for profiling",
        ProfilerFailedError,
        "this Nsight Compute does not know the GPU",
        "install one that is as new as the GPU: https://developer.nvidia.com/nsight-compute",
    ),
    Trouble(
        r"unrecogni[sz]ed option|Failed to find section|is an invalid argument",
        ProfilerFailedError,
        "this Nsight Compute does not know an option or a section that is asked for",
        "install Nsight Compute 2022.2 or newer",
    ),
)
NCU_NOTHING = re.compile(r"No kernels were profiled", re.IGNORECASE)

#: Of what may be said, not seen.
NSYS_TROUBLES: tuple[Trouble, ...] = (
    Trouble(
        r"unrecogni[sz]ed option|could not be found|Unknown report",
        ProfilerFailedError,
        "this Nsight Systems does not know an option or a report that is asked for",
        "install Nsight Systems 2023.1 or newer",
    ),
)
#: As ``nsys stats`` of 2025.3 says it.
NSYS_NOTHING = re.compile(r"does not contain CUDA kernel data")

#: Of what may be said, not seen: no AMD hardware.
ROCPROF_TROUBLES: tuple[Trouble, ...] = (
    Trouble(
        r"Permission denied.*/dev/kfd|hsa_init.*failed|HSA_STATUS_ERROR_OUT_OF_RESOURCES",
        CountersNotPermittedError,
        "this user may not open the GPU (/dev/kfd)",
        "add the user to the groups video and render, then log in again; in a container: "
        "--device=/dev/kfd --device=/dev/dri --group-add video",
    ),
)
#: A group of counters that does not fit, and counters the GPU does not have: a pass is left out, the rest is kept.
#: Source: ROCm/rocprofiler-sdk, source/lib/rocprofiler-sdk-tool/tool.cpp ("Unable to find all counters for agent"),
#: and status 38 of its API.
ROCPROF_COUNTERS = re.compile(r"Request exceeds the capabilities of the hardware|Missing: \[(?P<missing>[^\]]+)\]")


def explain(log: str, troubles: Sequence[Trouble], *, tool: str) -> ScaffoldError | None:
    """The error that a profiler's log tells of, with its own lines as facts; ``None`` where it tells of none known."""
    for trouble in troubles:
        lines = [line.strip() for line in log.splitlines() if re.search(trouble.pattern, line)]
        if lines:
            said = "\n".join(dict.fromkeys(lines[:3]))
            return trouble.kind(f"{tool}: {trouble.message}", hint=trouble.hint, context={f"{tool} says": said})
    return None


def nothing_profiled(tool: str, log: str, launches: int) -> NothingProfiledError:
    """A program that ran to its end, with no kernel in the profiler's report."""
    launched = f"{launches} launch{'es' if launches != 1 else ''}"
    return NothingProfiledError(
        f"{tool} saw no kernel, though the program made {launched}",
        hint="see what runs: --tool nsys; or take away --only, if its expression fits no kernel",
        context={f"{tool} says": "\n".join(log.splitlines()[-6:])},
    )
