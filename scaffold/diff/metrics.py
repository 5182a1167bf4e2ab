"""Numbers a kernel engineer reads off a module.

Counted in the text, statement by statement: what is *written*, not what runs (a copy in a loop of 32 counts once).
The patterns meet the ``tir`` and the ``tirx`` spelling of every release from 0.1.8 on.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from scaffold.diff.text import lines_of

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


class _Counts(NamedTuple):
    """What one line adds: its loops by kind, extents by axis as launched and as annotated, buffers by scope in bytes.

    ``is_nameless``: it launches over an axis that it does not say.
    """

    loops: Sequence[str]
    launched: Sequence[tuple[str, int]]
    annotated: Sequence[tuple[str, int]]
    is_nameless: bool
    buffers: Sequence[tuple[str, int]]
    operations: Sequence[str]


_NOTHING = _Counts((), (), (), is_nameless=False, buffers=(), operations=())


@lru_cache(maxsize=4096)
def measure(text: str) -> Metrics:
    """Count one module."""
    lines = [line for line in lines_of(text) if line.strip() and not line.startswith("#")]
    statements = [counts for counts in map(_count, lines) if counts is not _NOTHING]
    axes: dict[str, int] = {}
    for statement in statements:
        axes.update(statement.launched)
    for statement in statements:
        for axis, extent in statement.annotated:
            axes.setdefault(axis, extent)
    grid = [axes.get(f"blockIdx.{axis}", 1) for axis in "xyz"]
    block = [axes.get(f"threadIdx.{axis}", 1) for axis in "xyz"]
    has_grid = any(axis.startswith("block") for axis in axes) and not any(one.is_nameless for one in statements)
    sizes: Counter[str] = Counter()
    for statement in statements:
        for scope, size in statement.buffers:
            sizes[scope] += size
    operations = Counter(name for statement in statements for name in statement.operations)
    return Metrics(
        lines=len(lines),
        loops=Counter(kind for statement in statements for kind in statement.loops),
        grid=tuple(grid) if has_grid else (),
        threads=math.prod(block) if any(a.startswith("thread") for a in axes) and "threadIdx.x" in axes else None,
        buffers=Counter(scope for statement in statements for scope, _ in statement.buffers),
        buffer_bytes=sizes,
        operations={name: operations[name] for name in OPERATIONS},
    )


def metric_deltas(before: Metrics, after: Metrics) -> tuple[MetricDelta, ...]:
    """The numbers that differ, in the order of :meth:`Metrics.flat`."""
    left, right = before.flat(), after.flat()
    names = list(dict.fromkeys([*left, *right]))
    return tuple(
        MetricDelta(name, left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name)
    )


@lru_cache(maxsize=65536)
def _count(line: str) -> _Counts:
    launches = (*_LAUNCH.finditer(line), *_BINDING.finditer(line))
    counts = _Counts(
        loops=_loops(line),
        launched=[(match["axis"], int(match["extent"])) for match in launches],
        annotated=[(axis, int(extent)) for axis, extent in _EXTENTS.findall(line)],
        is_nameless=_NAMELESS_LAUNCH.search(line) is not None,
        buffers=_buffers(line),
        operations=[name for name, pattern in OPERATIONS.items() for _ in pattern.findall(line)],
    )
    return counts if any(counts) else _NOTHING


def _loops(line: str) -> list[str]:
    match = _LOOP.match(line)
    if match is None:
        return []
    kind = {"range": "serial", "grid": "serial", "thread_binding": "thread", "Pipelined": "pipelined"}.get(
        match["kind"], match["kind"]
    )
    return [kind] * len(match["names"].split(","))


def _buffers(line: str) -> list[tuple[str, int]]:
    buffers = []
    for match in _ALLOC.finditer(line):
        rest = match["rest"]
        dtype, scope = _DTYPE.search(rest), _SCOPE.search(rest)
        shape = [int(extent) for extent in match["shape"].split(",") if extent.strip()]
        bits = math.prod(shape) * _bits(dtype.group(1) if dtype else "float32")
        buffers.append((scope.group(1) if scope else "global", (bits + 7) // 8))
    return buffers


def _bits(dtype: str) -> int:
    """Bits of a dtype (``float16`` 16, ``float8_e4m3fn`` 8, ``float16x2`` 32, ``bool`` 8)."""
    match = _DTYPE_BITS.match(dtype)
    if match is None:
        return 8
    return int(match.group(1)) * int(match.group(2) or 1)
