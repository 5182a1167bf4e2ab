"""What a profiler measures, in one vocabulary over vendors, and what came of one run.

``METRICS`` is data: what a metric is called here, its unit, whether less or more of it is better, and what each tool
calls it. A tool's first name that its report holds is taken; the name itself is kept with the value and shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Better = Literal["lower", "higher", "neither"]
#: ``rocprof-compute`` is what its ``analyze`` derives from the counters that ``rocprofv3`` writes as they are.
Tool = Literal["ncu", "nsys", "rocprofv3", "rocprof-compute"]
TOOLS: tuple[Tool, ...] = ("ncu", "nsys", "rocprofv3", "rocprof-compute")
Severity = Literal["advice", "warning", "error", "note"]


@dataclass(frozen=True)
class VendorName:
    """What a tool calls a metric.

    ``unit`` is the tool's, for tools whose reports do not name one; ``factor`` is what a value of the metric's own
    unit is of one of this (a sector is 32 bytes).
    """

    name: str
    unit: str = ""
    factor: float = 1.0


@dataclass(frozen=True)
class Metric:
    """One metric; values of it are kept in ``unit`` (``us``, ``B``, ``%``, ``MHz``, or what is counted)."""

    key: str
    label: str
    unit: str
    better: Better
    group: Literal["time", "use", "memory", "occupancy", "resources", "launch"]
    names: Mapping[Tool, tuple[VendorName, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Value:
    """A measured number in the metric's own unit, and what the tool calls it."""

    value: float
    unit: str
    vendor_name: str


@dataclass(frozen=True)
class Stall:
    """A reason for which warps waited.

    ``cycles`` are those between two issued instructions of a warp that it spent on this, ``share`` of all such cycles
    (0 to 1).
    """

    reason: str
    share: float
    cycles: float | None
    vendor_name: str


@dataclass(frozen=True)
class Advice:
    """What a rule of the profiler says, word for word.

    ``estimated_speedup`` is the rule's own, in per cent: of the kernel where ``speedup_of`` is ``kernel``, of a part
    of it where it is ``part``.
    """

    rule: str
    title: str
    severity: Severity
    text: str
    estimated_speedup: float | None = None
    speedup_of: Literal["", "kernel", "part"] = ""


@dataclass(frozen=True)
class HotLine:
    """A line that samples of the program counter fell on: ``share`` of all samples (0 to 1).

    ``file`` and ``line`` are of the generated source; ``origin`` is the line of TileLang it came from
    (``gemm.py:31``), empty where that is not known.
    """

    file: str
    line: int
    text: str
    share: float
    origin: str = ""
    origin_text: str = ""


@dataclass(frozen=True)
class KernelProfile:
    """One kernel function of the program.

    ``values`` are of one launch: the one whose duration is the median of ``durations_us`` (of all launches that were
    profiled). ``grid`` and ``block`` are extents in blocks and threads, empty where the tool does not tell.
    """

    name: str
    values: Mapping[str, Value]
    durations_us: tuple[float, ...] = ()
    stalls: tuple[Stall, ...] = ()
    advice: tuple[Advice, ...] = ()
    hot_lines: tuple[HotLine, ...] = ()
    grid: tuple[int, ...] = ()
    block: tuple[int, ...] = ()


@dataclass(frozen=True)
class ProfileResult:
    """What a profiler found on one side; ``why_missing`` says why there is no kernel.

    ``report`` is the raw report, to be opened in the vendor's own program.
    """

    tool: Tool
    tool_version: str
    device: str
    kernels: tuple[KernelProfile, ...] = ()
    report: str = ""
    notes: tuple[str, ...] = ()
    why_missing: str = ""


def metric(key: str) -> Metric:
    """The metric of that key.

    Raises
    ------
    KeyError
        If there is none.
    """
    return _BY_KEY[key]


def _ncu(*names: str | VendorName) -> tuple[VendorName, ...]:
    return tuple(VendorName(name) if isinstance(name, str) else name for name in names)


#: Sources: of NVIDIA's names, sections of Nsight Compute; those of its basic set were seen in reports of an RTX 3070
#: (NVIDIA/nsight-training, cuda/nsight_compute/sample_reports), the others not yet. Of AMD's names, not run:
#: ``counter_defs.yaml`` of ROCm/rocprofiler-sdk 8ab1ed7, and the panels 2 and 7 for gfx942 of ROCm/rocprofiler-compute
#: 95b600e; of Nsight Systems' the columns of ``nsys stats --report cuda_gpu_kern_sum``.
METRICS: tuple[Metric, ...] = (
    Metric(
        "duration",
        "duration",
        "us",
        "lower",
        "time",
        {
            "ncu": _ncu("gpu__time_duration.sum"),
            "nsys": (VendorName("Med (ns)", "ns"), VendorName("Avg (ns)", "ns")),
            "rocprofv3": (VendorName("End_Timestamp - Start_Timestamp", "ns"),),
            "rocprof-compute": (VendorName("duration_ns_median", "ns"), VendorName("Kernel Time (Nanosec)", "ns")),
        },
    ),
    Metric(
        "cycles",
        "cycles",
        "cycles",
        "lower",
        "time",
        {
            "ncu": _ncu("gpc__cycles_elapsed.max"),
            "rocprof-compute": (VendorName("Kernel Time (Cycles)", "cycles"),),
        },
    ),
    Metric(
        "clock",
        "clock of the SMs",
        "MHz",
        "neither",
        "time",
        {"ncu": _ncu("gpc__cycles_elapsed.avg.per_second", "smsp__cycles_elapsed.avg.per_second")},
    ),
    Metric(
        "compute_use",
        "compute utilisation",
        "%",
        "higher",
        "use",
        {
            "ncu": _ncu("sm__throughput.avg.pct_of_peak_sustained_elapsed"),
            "rocprofv3": (VendorName("VALUBusy", "%"),),
            "rocprof-compute": (VendorName("VALU Utilization", "%"),),
        },
    ),
    Metric(
        "matrix_use",
        "tensor-core use",
        "%",
        "higher",
        "use",
        {
            "ncu": _ncu(
                "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_elapsed",
                "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active",
                "sm__inst_executed_pipe_tensor.avg.pct_of_peak_sustained_active",
                "sm__pipe_tensor_op_hmma_cycles_active.avg.pct_of_peak_sustained_active",
            ),
            "rocprofv3": (VendorName("MfmaUtil", "%"),),
            "rocprof-compute": (VendorName("MFMA Utilization", "%"),),
        },
    ),
    Metric(
        "memory_use",
        "memory utilisation",
        "%",
        "higher",
        "use",
        {
            "ncu": _ncu("gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed"),
            "rocprofv3": (VendorName("MemUnitBusy", "%"),),
            "rocprof-compute": (VendorName("VMEM Utilization", "%"),),
        },
    ),
    Metric(
        "dram_use",
        "DRAM utilisation",
        "%",
        "higher",
        "use",
        {
            "ncu": _ncu(
                "gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed",
                "dram__throughput.avg.pct_of_peak_sustained_elapsed",
            )
        },
    ),
    Metric(
        "issue_use",
        "issue slots busy",
        "%",
        "higher",
        "use",
        {
            "ncu": _ncu(
                "smsp__issue_active.avg.pct_of_peak_sustained_active",
                "sm__inst_issued.avg.pct_of_peak_sustained_active",
            )
        },
    ),
    Metric(
        "dram_read",
        "read from DRAM",
        "B",
        "lower",
        "memory",
        {"ncu": _ncu("dram__bytes_read.sum"), "rocprofv3": (VendorName("FETCH_SIZE", "KiB"),)},
    ),
    Metric(
        "dram_write",
        "written to DRAM",
        "B",
        "lower",
        "memory",
        {"ncu": _ncu("dram__bytes_write.sum"), "rocprofv3": (VendorName("WRITE_SIZE", "KiB"),)},
    ),
    Metric(
        "l2_bytes",
        "through L2",
        "B",
        "lower",
        "memory",
        {
            "ncu": _ncu("lts__t_bytes.sum", VendorName("lts__t_sectors.sum", "sector", 32)),
            "rocprofv3": (VendorName("TCC_REQ_sum", "line", 128),),
        },
    ),
    Metric(
        "l2_hit",
        "L2 hit rate",
        "%",
        "higher",
        "memory",
        {
            "ncu": _ncu("lts__t_sector_hit_rate.pct"),
            "rocprofv3": (
                VendorName("L2CacheHit", "%"),
                VendorName("TCC_HIT_sum / (TCC_HIT_sum + TCC_MISS_sum)", "%"),
            ),
            "rocprof-compute": (VendorName("L2 Cache Hit Rate", "%"),),
        },
    ),
    Metric(
        "l1_bytes",
        "through L1",
        "B",
        "lower",
        "memory",
        {"ncu": _ncu("l1tex__t_bytes.sum", VendorName("l1tex__t_sectors.sum", "sector", 32))},
    ),
    Metric(
        "l1_hit",
        "L1 hit rate",
        "%",
        "higher",
        "memory",
        {
            "ncu": _ncu("l1tex__t_sector_hit_rate.pct"),
            "rocprof-compute": (VendorName("vL1D Cache Hit Rate", "%"),),
        },
    ),
    Metric(
        "bank_conflicts",
        "bank conflicts",
        "conflicts",
        "lower",
        "memory",
        {
            "ncu": _ncu("l1tex__data_bank_conflicts_pipe_lsu_mem_shared.sum"),
        },
    ),
    Metric(
        "occupancy",
        "occupancy achieved",
        "%",
        "higher",
        "occupancy",
        {
            "ncu": _ncu("sm__warps_active.avg.pct_of_peak_sustained_active"),
            "rocprofv3": (VendorName("OccupancyPercent", "%"),),
            "rocprof-compute": (VendorName("Wavefront Occupancy (Pct of Peak)", "%"),),
        },
    ),
    Metric(
        "occupancy_limit",
        "occupancy theoretical",
        "%",
        "higher",
        "occupancy",
        {"ncu": _ncu("sm__maximum_warps_per_active_cycle_pct")},
    ),
    Metric(
        "registers",
        "registers per thread",
        "registers",
        "lower",
        "resources",
        {
            "ncu": _ncu("launch__registers_per_thread"),
            "rocprofv3": (VendorName("VGPR_Count", "registers"),),
            "rocprof-compute": (VendorName("VGPRs", "registers"), VendorName("VGPR", "registers")),
        },
    ),
    Metric(
        "spill_instructions",
        "instructions that spill",
        "instructions",
        "lower",
        "resources",
        {"ncu": _ncu("sass__inst_executed_register_spilling_mem_local", "sass__inst_executed_register_spilling")},
    ),
    Metric(
        "scratch",
        "scratch per thread",
        "B",
        "lower",
        "resources",
        {
            "rocprofv3": (VendorName("Scratch_Size", "B"), VendorName("Private_Segment_Size", "B")),
            "rocprof-compute": (VendorName("Scratch Allocation", "B"),),
        },
    ),
    Metric(
        "shared_static",
        "shared memory per block, static",
        "B",
        "lower",
        "resources",
        {"ncu": _ncu("launch__shared_mem_per_block_static")},
    ),
    Metric(
        "shared_dynamic",
        "shared memory per block, dynamic",
        "B",
        "lower",
        "resources",
        {"ncu": _ncu("launch__shared_mem_per_block_dynamic")},
    ),
    Metric(
        "shared",
        "shared memory per block",
        "B",
        "lower",
        "resources",
        {
            "rocprofv3": (VendorName("LDS_Block_Size", "B"), VendorName("Group_Segment_Size", "B")),
            "rocprof-compute": (VendorName("LDS Allocation", "B"),),
        },
    ),
    Metric(
        "blocks",
        "blocks of the grid",
        "blocks",
        "neither",
        "launch",
        {
            "ncu": _ncu("launch__grid_size"),
            "rocprofv3": (VendorName("Grid_Size / Workgroup_Size", "blocks"),),
        },
    ),
    Metric(
        "threads",
        "threads of a block",
        "threads",
        "neither",
        "launch",
        {
            "ncu": _ncu("launch__block_size"),
            "rocprofv3": (VendorName("Workgroup_Size", "threads"),),
            "rocprof-compute": (VendorName("Workgroup Size", "threads"),),
        },
    ),
    Metric(
        "waves",
        "waves per SM",
        "waves",
        "neither",
        "launch",
        {"ncu": _ncu("launch__waves_per_multiprocessor")},
    ),
)
_BY_KEY = {item.key: item for item in METRICS}

#: A tool's units in ours: how many of one are how many of the other; reports spell them in many ways.
_UNITS: Mapping[str, tuple[str, int, int]] = {
    "ns": ("us", 1000, 1),
    "nsecond": ("us", 1000, 1),
    "us": ("us", 1, 1),
    "usecond": ("us", 1, 1),
    "ms": ("us", 1, 1000),
    "msecond": ("us", 1, 1000),
    "s": ("us", 1, 1_000_000),
    "second": ("us", 1, 1_000_000),
    "b": ("B", 1, 1),
    "byte": ("B", 1, 1),
    "bytes": ("B", 1, 1),
    "kbyte": ("B", 1, 1000),
    "mbyte": ("B", 1, 1_000_000),
    "gbyte": ("B", 1, 1_000_000_000),
    "kib": ("B", 1, 1024),
    "%": ("%", 1, 1),
    "pct": ("%", 1, 1),
    "percent": ("%", 1, 1),
    "hz": ("MHz", 1_000_000, 1),
    "cycle/second": ("MHz", 1_000_000, 1),
    "cycle/usecond": ("MHz", 1, 1),
    "cycle/nsecond": ("MHz", 1, 1000),
    "khz": ("MHz", 1000, 1),
    "mhz": ("MHz", 1, 1),
    "ghz": ("MHz", 1, 1000),
}


def converted(item: Metric, name: VendorName, number: float, unit: str) -> Value:
    """A tool's number as a value of the metric; ``unit`` is the report's, empty where it names none."""
    told = (unit or name.unit).strip()
    # "byte/block" and "register/thread" are bytes and registers: what they are of is in the metric's label.
    for spelling in (told, told.partition("/")[0]):
        known = _UNITS.get(spelling.lower())
        if known is not None and known[0] == item.unit:
            return Value(number * known[2] / known[1], item.unit, name.name)
    return Value(number * name.factor, item.unit, name.name)
