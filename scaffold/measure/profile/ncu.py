"""Nsight Compute: its command line, and its report read into our vocabulary.

Reports are read with NVIDIA's own ``ncu_report``: the package of that name on PyPI, or the copy in the folder
``extras/python`` of an installed Nsight Compute. Either reads a report without a GPU.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from scaffold.errors import ProfileFileError, ProfilerMissingError
from scaffold.measure.profile.lines import NOTHING_GENERATED, GeneratedSource
from scaffold.measure.profile.model import (
    METRICS,
    Advice,
    HotLine,
    KernelProfile,
    ProfileResult,
    Severity,
    Stall,
    Value,
    converted,
)
from scaffold.measure.profile.programs import newest_first
from scaffold.probe.failure import short_path

SUFFIX = ".ncu-rep"

#: What is collected. Sections and not metrics, as a section's file knows what each GPU has, and its rules advise.
SECTIONS = (
    "SpeedOfLight",
    "ComputeWorkloadAnalysis",
    "MemoryWorkloadAnalysis",
    "MemoryWorkloadAnalysis_Chart",
    "MemoryWorkloadAnalysis_Tables",
    "SchedulerStats",
    "WarpStateStats",
    "InstructionStats",
    "LaunchStats",
    "Occupancy",
    "SourceCounters",
)

#: Names of stall reasons stand between these: cycles a warp waits between two of its instructions, by reason.
_STALL_CYCLES = ("smsp__average_warps_issue_stalled_", "_per_issue_active.ratio")
#: Samples of the program counter, by what the warp waited for; with instructions' addresses.
_STALL_SAMPLES = "smsp__pcsamp_warps_issue_stalled_"
_SAMPLES = "smsp__pcsamp_sample_count"
#: The reason that is none: the warp issued an instruction.
_ISSUED = "selected"
_MOST_LINES = 12
_DEVICE = "device__attribute_display_name"

#: By ``ncu_report.MsgType`` and ``SpeedupType``, of which 2022's module has no classes.
_SEVERITIES: Mapping[int, Severity] = {0: "note", 1: "note", 2: "advice", 3: "warning", 4: "error"}
_SPEEDUP_PART, _SPEEDUP_KERNEL = 1, 2


def ncu_command(
    program: Path,
    report: Path,
    command: Sequence[str],
    *,
    only: str = "",
    skip: int = 0,
    most: int = 0,
) -> list[str]:
    """Profile the kernels of ``command`` between its ``cudaProfilerStart`` and ``Stop``.

    Clocks are left as they are.

    Parameters
    ----------
    only
        A regular expression that kernels' names must match.
    skip, most
        How many of those kernels to pass over first, and how many to profile then (0: all).
    """
    words = [str(program), "--target-processes", "application-only", "--profile-from-start", "off"]
    words += ["--clock-control", "none", "--import-source", "yes", "--force-overwrite", "--export", str(report)]
    words += [word for section in SECTIONS for word in ("--section", section)]
    words += ["--kernel-name", f"regex:{only}"] if only else []
    words += ["--launch-skip", str(skip)] if skip else []
    words += ["--launch-count", str(most)] if most else []
    return [*words, *command]


@dataclass(frozen=True)
class Reader:
    """What reads reports: PyPI's ``ncu_report``, or the copy in ``folder`` of an installed Nsight Compute."""

    folder: Path | None = None


def find_reader(places: Sequence[Path] = ()) -> Reader:
    """PyPI's package, else the copy of an installed Nsight Compute, looked for in ``places`` first.

    Raises
    ------
    ProfilerMissingError
        If there is none.
    """
    if "ncu_report" in sys.modules or importlib.util.find_spec("ncu_report") is not None:
        return Reader()
    for folder in (*places, *_module_folders()):
        if (folder / "ncu_report.py").is_file():
            return Reader(folder)
    raise ProfilerMissingError(
        "nothing here reads Nsight Compute's reports: the package ncu-report is not installed",
        hint=f"{sys.executable} -m pip install ncu-report",
    )


def module_folders_of(program: Path) -> list[Path]:
    """Where the Nsight Compute that ``program`` is of keeps its Python module."""
    real = program.resolve()
    roots = [real.parent, *real.parents[1:4]]
    beside = [
        folder for root in (real.parent.parent, program.parent.parent) for folder in newest_first(root, "nsight-c*")
    ]
    return [root / "extras" / "python" for root in (*roots, *beside)]


def _module_folders() -> Iterator[Path]:
    for parent, pattern in (
        (Path("/opt/nvidia/nsight-compute"), "*"),
        (Path("/usr/local"), "cuda-*/nsight-compute-*"),
        (Path("/usr/local"), "cuda/nsight-compute-*"),
    ):
        yield from (root / "extras" / "python" for root in newest_first(parent, pattern))


def read_ncu_report(
    path: Path, *, reader: Reader | None = None, generated: GeneratedSource = NOTHING_GENERATED
) -> ProfileResult:
    """Read a ``.ncu-rep``; ``generated`` knows the source it was compiled from, where that is not in the report.

    Raises
    ------
    ProfileFileError
        If it is no report, or holds no kernel.
    ProfilerMissingError
        If nothing here reads such reports, or what does crashes.
    """
    reader = reader or find_reader()
    if not path.is_file():
        raise ProfileFileError(f"no file {str(path)!r}", hint="name a report of Nsight Compute: name.ncu-rep")
    if reader.folder is not None:
        return _read_apart(path, reader.folder, generated)
    return read_with(importlib.import_module("ncu_report"), path, generated=generated)


def read_with(module: Any, path: Path, *, generated: GeneratedSource = NOTHING_GENERATED) -> ProfileResult:
    """Read a report with ``module``; raises like :func:`read_ncu_report`."""
    try:
        context = module.load_report(str(path))
        # Nsight Compute's own module of 2025.3 does not keep a range alive for the actions taken from it.
        ranges = list(context)
        actions = [action for kernels in ranges for action in kernels]
    except Exception as error:  # the module raises plain exceptions of several kinds
        raise ProfileFileError(
            f"{path} is not a report this ncu_report reads: {error}",
            hint="install a newer one, as new as the ncu that wrote it: pip install -U ncu-report",
        ) from error
    if not actions:
        raise ProfileFileError(
            f"{path} holds no kernel: it is damaged, of a newer Nsight Compute, or no report",
            hint="profile again; or pip install -U ncu-report",
        )
    launches: dict[str, list[_Launch]] = defaultdict(list)
    for action in actions:
        launch = _launch(action)
        launches[launch.name].append(launch)
    kernels = tuple(_kernel(found, generated) for found in launches.values())
    notes = []
    if not any(kernel.hot_lines for kernel in kernels):
        notes.append("no hottest lines: the report has no samples with line information")
    return ProfileResult("ncu", "", _text(actions[0], _DEVICE), kernels, report=str(path), notes=tuple(notes))


#: Reads a report in a process of its own. Its answer is JSON: what was read, or the error.
_APART = """
import json, os, sys
from pathlib import Path
import msgspec
sys.path[:0] = sys.argv[2:0:-1]
from scaffold.errors import ProfileFileError
from scaffold.measure.profile.lines import GeneratedSource
from scaffold.measure.profile.ncu import read_with
generated = msgspec.json.decode(sys.stdin.buffer.read(), type=GeneratedSource)
import ncu_report
try:
    answer = {"read": msgspec.to_builtins(read_with(ncu_report, Path(sys.argv[3]), generated=generated))}
except ProfileFileError as error:
    answer = {"error": error.message, "hint": error.hint}
os.write(1, json.dumps(answer).encode())
os._exit(0)
"""


def _read_apart(report: Path, folder: Path, generated: GeneratedSource) -> ProfileResult:
    """Read with a copy of the module that came with Nsight Compute, which may crash: 2025.3's did in Python 3.12."""
    finished = subprocess.run(
        [sys.executable, "-c", _APART, str(Path(__file__).parents[3]), str(folder), str(report)],
        input=msgspec.json.encode({"text": generated.text, "origins": dict(generated.origins)}),
        capture_output=True,
        check=False,
    )
    try:
        answer = msgspec.json.decode(finished.stdout)
    except msgspec.DecodeError:
        how = f"signal {-finished.returncode}" if finished.returncode < 0 else f"exit code {finished.returncode}"
        raise ProfilerMissingError(
            f"what reads reports in {folder} does not do so in this Python ({how})",
            hint=f"{sys.executable} -m pip install ncu-report",
            context={
                "the report is there": report,
                "it says": "\n".join(finished.stderr.decode(errors="replace").splitlines()[-3:]),
            },
        ) from None
    if "error" in answer:
        raise ProfileFileError(answer["error"], hint=answer["hint"])
    return msgspec.convert(answer["read"], ProfileResult)


@dataclass(frozen=True)
class _Launch:
    """One launch: its action in the report, and its values."""

    name: str
    action: Any
    values: Mapping[str, Value]

    @property
    def duration_us(self) -> float:
        found = self.values.get("duration")
        return found.value if found else 0.0


def _launch(action: Any) -> _Launch:
    values = {}
    for item in METRICS:
        for name in item.names.get("ncu", ()):
            number, unit = _number(action, name.name)
            if number is not None:
                values[item.key] = converted(item, name, number, unit)
                break
    if "occupancy_limit" in values and not values["occupancy_limit"].value:
        # ncu 2025.3 gives 0 for kernels that set their registers as they run, which warp-specialised ones of Hopper do.
        del values["occupancy_limit"]
    return _Launch(str(action.name()), action, values)


def _kernel(launches: Sequence[_Launch], generated: GeneratedSource) -> KernelProfile:
    """All launches of one kernel as one, told by that of the median duration."""
    ordered = sorted(launches, key=lambda launch: launch.duration_us)
    told = ordered[(len(ordered) - 1) // 2]
    return KernelProfile(
        told.name,
        told.values,
        durations_us=tuple(launch.duration_us for launch in launches),
        stalls=_stalls(told.action),
        advice=_advice(told.action),
        hot_lines=_hot_lines(told.action, generated),
        grid=_extents(told.action, "launch__grid_dim_"),
        block=_extents(told.action, "launch__block_dim_"),
    )


def _number(action: Any, name: str) -> tuple[float | None, str]:
    found = action.metric_by_name(name)
    if found is None:
        return None, ""
    value = found.value()
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value), str(found.unit() or "")
    return None, ""


def _text(action: Any, name: str) -> str:
    found = action.metric_by_name(name)
    return str(found.value() or "") if found is not None else ""


def _extents(action: Any, prefix: str) -> tuple[int, ...]:
    found = [_number(action, f"{prefix}{axis}")[0] for axis in "xyz"]
    return tuple(int(extent) for extent in found if extent is not None)


def _stalls(action: Any) -> tuple[Stall, ...]:
    """Reasons to wait, the worst first: by cycles, else by samples of the program counter."""
    before, after = _STALL_CYCLES
    cycles: dict[str, tuple[float, str]] = {}
    samples: dict[str, tuple[float, str]] = {}
    for name in action.metric_names():
        if name.startswith(before) and name.endswith(after):
            cycles[name[len(before) : -len(after)]] = (_number(action, name)[0] or 0.0, name)
        elif name.startswith(_STALL_SAMPLES) and not name.endswith("_not_issued"):
            samples[name.removeprefix(_STALL_SAMPLES)] = (_number(action, name)[0] or 0.0, name)
    found = cycles if any(number for number, _ in cycles.values()) else samples
    total = sum(number for number, _ in found.values())
    if not total:
        return ()
    stalls = [
        Stall(reason.replace("_", " "), number / total, number if found is cycles else None, name)
        for reason, (number, name) in found.items()
        if number > 0 and reason != _ISSUED
    ]
    return tuple(sorted(stalls, key=lambda stall: (-stall.share, stall.reason)))


def _advice(action: Any) -> tuple[Advice, ...]:
    """What the rules say: those with the largest estimated speed-up first, then warnings, then the rest."""
    found = []
    for told in action.rule_results_as_dicts():
        message = told.get("rule_message") or {}
        text = str(message.get("message", ""))
        if not text:
            continue
        estimate = told.get("speedup_estimation")
        found.append(
            Advice(
                rule=str(told.get("rule_identifier") or told.get("name", "")),
                title=str(message.get("title", "") or told.get("name", "")),
                severity=_SEVERITIES.get(int(message.get("type", 0)), "note"),
                text=text,
                estimated_speedup=float(estimate["speedup"]) if estimate else None,
                speedup_of=_speedup_of(int(estimate["type"])) if estimate else "",
            )
        )
    order: list[Severity] = ["error", "advice", "warning", "note"]
    return tuple(sorted(found, key=lambda one: (-(one.estimated_speedup or 0.0), order.index(one.severity))))


def _speedup_of(kind: int) -> Any:
    return {_SPEEDUP_PART: "part", _SPEEDUP_KERNEL: "kernel"}.get(kind, "")


def _hot_lines(action: Any, generated: GeneratedSource) -> tuple[HotLine, ...]:
    """The lines most samples of the program counter fell on."""
    by_address = _samples(action)
    total = sum(by_address.values())
    by_line: dict[tuple[str, int], int] = defaultdict(int)
    for address, count in by_address.items():
        place = action.source_info(address)
        if place is not None and place.file_name() and place.line():
            by_line[str(place.file_name()), int(place.line())] += count
    if not total or not by_line:
        return ()
    texts = {str(name): str(text).splitlines() for name, text in dict(action.source_files()).items()}
    hottest = sorted(by_line.items(), key=lambda item: (-item[1], item[0]))[:_MOST_LINES]
    return tuple(
        _hot_line(file, line, count / total, texts.get(file, []), generated) for (file, line), count in hottest if count
    )


def _hot_line(file: str, line: int, share: float, lines: Sequence[str], generated: GeneratedSource) -> HotLine:
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    if generated.is_it(file, line, text):
        origin, origin_text = generated.origin_of(line)
        return HotLine(short_path(file), line, text or generated.text_of(line), share, origin, origin_text)
    return HotLine(short_path(file), line, text, share)


def _samples(action: Any) -> dict[int, int]:
    """Samples by address of the instruction."""
    names = [_SAMPLES]
    counted = action.metric_by_name(_SAMPLES)
    if counted is None or not counted.num_instances():
        names = [
            name
            for name in action.metric_names()
            if name.startswith(_STALL_SAMPLES) and not name.endswith("_not_issued")
        ]
    found: dict[int, int] = defaultdict(int)
    for name in names:
        metric = action.metric_by_name(name)
        if metric is None or not metric.has_correlation_ids():
            continue
        addresses = metric.correlation_ids()
        for at in range(metric.num_instances()):
            found[int(addresses.as_uint64(at))] += int(metric.as_uint64(at))
    return found
