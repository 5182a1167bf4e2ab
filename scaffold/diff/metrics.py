"""Numbers a kernel engineer reads off a module.

Counted in the text, statement by statement: what is *written*, not what runs (a copy in a loop of 32 counts once).
The patterns meet the ``tir`` and the ``tirx`` spelling of every release from 0.1.8 on.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_LOOP = re.compile(r"^\s*for (?P<names>[\w, ]+) in (?:T\.)?(?P<kind>\w+)\(")
_LAUNCH = re.compile(r'T\.launch_thread\("(?P<axis>[\w.]+)", (?P<extent>\d+)\)')
_BINDING = re.compile(r'T\.thread_binding\((?P<extent>\d+), thread="(?P<axis>[\w.]+)"\)')
#: A launch bound to a variable: TVM prints it so where the variable is used before it is bound, and drops the axis.
_NAMELESS_LAUNCH = re.compile(r"T\.launch_thread\([A-Za-z_]\w*, \d+\)")
_EXTENTS = re.compile(r'"((?:block|thread)Idx\.[xyz])": (\d+)')
_ALLOC = re.compile(r"T\.(?:s?block_alloc_buffer|alloc_buffer|allocate)\([(\[](?P<shape>[\d, ]+)[)\]](?P<rest>[^\n]*)")
_DTYPE = re.compile(r'"((?:float|bfloat|int|uint|bool|custom)\w*)"')
_SCOPE = re.compile(r'(?:scope=)?"((?:shared|local|global|warp|wmma|metal|m16n8k8)[\w.]*)"')
_DTYPE_BITS = re.compile(r"[a-z_]+?(\d+)(?:_\w+?)?(?:x(\d+))?\Z")

#: One pattern per kind of operation; each match is one call.
OPERATIONS: Mapping[str, re.Pattern[str]] = {
    "tile operations": re.compile(r"T\.(?!access_ptr|address_of)\w+\((?:T\.region\(|\w+\[[^\]]*\], T\.region\()"),
    "barriers": re.compile(r"T\.(?:tvm_storage_sync|sync_\w+|\w*barrier\w*)\("),
    "async copies": re.compile(r"T\.(?:ptx_cp_async\w*|cp_async_\w+)\("),
    "TMA operations": re.compile(r"T\.tma_(?:load|store|reduce|gather|scatter)\w*\("),
    "MMA operations": re.compile(
        r"T\.(?:ptx_\w*mma\w*|tcgen05_mma\w*|tvm_m(?:fma|ma)\w*|mma_sync|simdgroup_multiply\w*)\("
    ),
}


@dataclass(frozen=True)
class Metrics:
    """Counts of one module. ``buffers`` and ``buffer_bytes`` are keyed by scope (``shared.dyn``, ``local``)."""

    lines: int = 0
    loops: Mapping[str, int] = field(default_factory=dict)
    grid: tuple[int, ...] = ()
    threads: int | None = None
    buffers: Mapping[str, int] = field(default_factory=dict)
    buffer_bytes: Mapping[str, int] = field(default_factory=dict)
    operations: Mapping[str, int] = field(default_factory=dict)

    def flat(self) -> dict[str, int]:
        """Every number under one name, zeros left out; the names are the same for every module."""
        found = {"lines": self.lines}
        found |= {f"{kind} loops": count for kind, count in sorted(self.loops.items())}
        if self.grid:
            found["blocks in the grid"] = math.prod(self.grid)
        if self.threads is not None:
            found["threads per block"] = self.threads
        found |= {f"{scope} buffers": count for scope, count in sorted(self.buffers.items())}
        found |= {f"{scope} bytes": count for scope, count in sorted(self.buffer_bytes.items())}
        found |= {name: count for name, count in self.operations.items() if count}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class MetricDelta:
    """One number on two sides; ``None`` where it does not occur."""

    name: str
    before: int | None
    after: int | None

    @property
    def delta(self) -> int:
        return (self.after or 0) - (self.before or 0)


@lru_cache(maxsize=4096)
def measure(text: str) -> Metrics:
    """Count one module."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    lines = [line for line in body.splitlines() if line.strip()]
    loops: Counter[str] = Counter()
    axes: dict[str, int] = {}
    for line in lines:
        _count_loop(line, loops)
        for match in (*_LAUNCH.finditer(line), *_BINDING.finditer(line)):
            axes[match["axis"]] = int(match["extent"])
    for axis, extent in _EXTENTS.findall(body):
        axes.setdefault(axis, int(extent))
    grid = [axes.get(f"blockIdx.{axis}", 1) for axis in "xyz"]
    block = [axes.get(f"threadIdx.{axis}", 1) for axis in "xyz"]
    buffers, sizes = _count_buffers(body)
    return Metrics(
        lines=len(lines),
        loops=dict(loops),
        grid=tuple(grid) if any(a.startswith("block") for a in axes) and not _NAMELESS_LAUNCH.search(body) else (),
        threads=math.prod(block) if any(a.startswith("thread") for a in axes) and "threadIdx.x" in axes else None,
        buffers=buffers,
        buffer_bytes=sizes,
        operations={name: len(pattern.findall(body)) for name, pattern in OPERATIONS.items()},
    )


def metric_deltas(before: Metrics, after: Metrics) -> tuple[MetricDelta, ...]:
    """The numbers that differ, in the order of :meth:`Metrics.flat`."""
    left, right = before.flat(), after.flat()
    names = list(dict.fromkeys([*left, *right]))
    return tuple(
        MetricDelta(name, left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name)
    )


def _count_loop(line: str, loops: Counter[str]) -> None:
    match = _LOOP.match(line)
    if match is None:
        return
    kind = {"range": "serial", "grid": "serial", "thread_binding": "thread", "Pipelined": "pipelined"}.get(
        match["kind"], match["kind"]
    )
    loops[kind] += len(match["names"].split(","))


def _count_buffers(body: str) -> tuple[dict[str, int], dict[str, int]]:
    buffers: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for shape, dtype, scope in _allocations(body):
        buffers[scope] += 1
        sizes[scope] += (math.prod(shape) * _bits(dtype) + 7) // 8
    return dict(buffers), dict(sizes)


def _allocations(body: str) -> Iterator[tuple[list[int], str, str]]:
    for match in _ALLOC.finditer(body):
        rest = match["rest"]
        dtype, scope = _DTYPE.search(rest), _SCOPE.search(rest)
        shape = [int(extent) for extent in match["shape"].split(",") if extent.strip()]
        yield shape, dtype.group(1) if dtype else "float32", scope.group(1) if scope else "global"


def _bits(dtype: str) -> int:
    """Bits of a dtype (``float16`` 16, ``float8_e4m3fn`` 8, ``float16x2`` 32, ``bool`` 8)."""
    match = _DTYPE_BITS.match(dtype)
    if match is None:
        return 8
    return int(match.group(1)) * int(match.group(2) or 1)
