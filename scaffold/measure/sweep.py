"""Every configuration of a grid: compiled side by side, checked, and the valid ones timed one at a time."""

from __future__ import annotations

import itertools
import os
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scaffold.builds.process import end_all
from scaffold.errors import UsageError
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.measure.blocks import Bench, KernelBlock
from scaffold.measure.schedule import order_of_round
from scaffold.measure.work import work_of
from scaffold.probe.protocol import KernelRequest, TimedKernel
from scaffold.progress import Progress
from scaffold.report.sweep_view import Configuration

#: More than that is a search, and wants a tuner.
_MOST_POINTS = 512
#: Rounds of fresh processes: a grid shows where to look, a comparison of two configurations says what is faster.
ROUNDS = 3


@dataclass(frozen=True)
class Point:
    """One configuration; ``request`` is ``None`` where the kernel itself refuses it, and ``refused`` says why."""

    values: Mapping[str, str]
    request: KernelRequest | None
    refused: str = ""
    is_default: bool = False


def parse_axes(items: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read ``--vary name=a,b,c`` items.

    Raises
    ------
    UsageError
        If an item has no values, a name comes twice, or the grid is too large.
    """
    axes: dict[str, tuple[str, ...]] = {}
    for item in items:
        name, separator, text = item.partition("=")
        values = tuple(dict.fromkeys(value.strip() for value in text.split(",") if value.strip()))
        if not separator or not name.strip() or not values:
            raise UsageError(f"--vary takes name=a,b,c, got {item!r}", hint="for example: --vary num_stages=2,3,4")
        if name in axes:
            raise UsageError(f"--vary names {name!r} twice", hint="keep one of them")
        axes[name.strip()] = values
    points = 1
    for values in axes.values():
        points *= len(values)
    if points > _MOST_POINTS:
        raise UsageError(
            f"{points} configurations are more than {_MOST_POINTS}", hint="vary fewer parameters at a time"
        )
    return tuple(axes.items())


def points_of(
    name: str, settings: Settings, axes: Sequence[tuple[str, Sequence[str]]], *, default_target: str
) -> list[Point]:
    """Every configuration of the grid; those the kernel cannot be built with say so."""
    plain = resolve(name, settings, default_target=default_target)
    points = []
    for values in itertools.product(*(values for _, values in axes)):
        chosen = dict(zip((axis for axis, _ in axes), values, strict=True))
        assigned = {key: value for key, value in chosen.items() if "." not in key}
        configs = {key: value for key, value in chosen.items() if "." in key}
        try:
            request = resolve(
                name,
                settings.overlaid(Settings(parameters=assigned, pass_configs=configs)),
                default_target=default_target,
            )
        except UsageError as error:
            if error.code in ("unknown-parameter", "unknown-kernel"):
                raise
            points.append(Point(chosen, None, error.message))
            continue
        points.append(Point(chosen, request, is_default=request == plain))
    return points


def run_sweep(
    points: Sequence[Point],
    bench: Bench,
    *,
    method: str,
    budget_ms: float,
    jobs: int | None,
    progress: Progress,
    seed: int,
) -> list[Configuration]:
    """Compile and check all points ``jobs`` at a time, then time those that are right, in rounds.

    Raises
    ------
    EnvironmentProblem
        If TileLang does not import.
    """
    asked = {f"{at}": point for at, point in enumerate(points) if point.request is not None}
    checked = _checked(asked, bench, method, jobs or os.cpu_count() or 1, progress)
    valid = [key for key in asked if not checked[key].failure]
    times: dict[str, list[float]] = {key: [] for key in valid}
    failed = {key: block.failure for key, block in checked.items() if block.failure}
    for number in range(ROUNDS):
        left = [key for key in order_of_round(number, valid, seed) if key not in failed]
        items = [_item(key, asked[key], method, budget_ms, check=False) for key in left]
        with progress.step(f"timing {len(left)} configurations, round {number + 1} of {ROUNDS}"):
            for key, block in bench.run(items).items():
                if block.failure:
                    failed[key] = block.failure
                elif block.samples_ms:
                    times[key].append(statistics.median(block.samples_ms))
    return [_configuration(f"{at}", point, checked, times, failed) for at, point in enumerate(points)]


def _item(key: str, point: Point, method: str, budget_ms: float, *, check: bool) -> TimedKernel:
    if point.request is None:
        raise ValueError("a refused point is not run")
    return TimedKernel(key, point.request, method=method, budget_ms=0.0 if check else budget_ms, check=check)


def _checked(
    asked: Mapping[str, Point], bench: Bench, method: str, jobs: int, progress: Progress
) -> dict[str, KernelBlock]:
    """Compile and check every point; each in a process of its own, as one that fails must not take others along."""
    found: dict[str, KernelBlock] = {}
    with ThreadPoolExecutor(min(jobs, len(asked)) or 1) as pool:
        futures = {
            key: pool.submit(bench.run, [_item(key, point, method, 0.0, check=True)]) for key, point in asked.items()
        }
        try:
            for key, future in futures.items():
                progress.update(f"compiling {len(found) + 1}/{len(futures)}")
                found[key] = future.result()[key]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise
    return found


def _configuration(
    key: str,
    point: Point,
    checked: Mapping[str, KernelBlock],
    times: Mapping[str, Sequence[float]],
    failed: Mapping[str, str],
) -> Configuration:
    if point.request is None or key in failed:
        why = point.refused or failed[key]
        return Configuration(point.values, why_missing=why, is_default=point.is_default)
    medians = times[key]
    if not medians:
        return Configuration(point.values, why_missing="not timed", is_default=point.is_default)
    median_ms = statistics.median(medians)
    flops, moved = work_of(point.request)
    return Configuration(
        point.values,
        median_ms,
        min(medians),
        max(medians),
        flops / median_ms / 1e9 if flops else None,
        moved / median_ms / 1e6 if moved else None,
        checked[key].compile_ms,
        is_default=point.is_default,
    )
