"""A GPU's clocks, temperature, power and what holds it back, read while blocks run. Nothing is ever set."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

#: Between two looks, in seconds: a block takes some hundred milliseconds of the GPU's time.
_LOOK_S = 0.05

#: What slows a GPU down, by the bit NVML tells it with. Source: nvml.h, "Clocks Event Reasons".
_HELD_BACK = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
#: A power cap is how a busy GPU of a server lives; the others are not.
_USUAL = frozenset({"power cap"})


@dataclass(frozen=True)
class Look:
    """One look; ``at`` in seconds since 1970, power in watts."""

    at: float
    sm_clock_mhz: float
    temperature_c: float
    power_w: float
    held_back: tuple[str, ...]


@dataclass(frozen=True)
class Stretch:
    """A block's time on the GPU: medians of all looks in it, and everything that held it back."""

    sm_clock_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    held_back: tuple[str, ...] = ()

    @property
    def throttled(self) -> bool:
        """Whether it was held back by more than its usual power cap."""
        return not _USUAL.issuperset(self.held_back)


class Clocks:
    """Looks at a GPU in a thread of its own; ``look`` is one look, ``None`` for a device with nothing to look at."""

    def __init__(self, look: Callable[[], Look] | None = None) -> None:
        self._look = look
        self._looks: list[Look] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clocks", daemon=True)

    def __enter__(self) -> Clocks:
        if self._look is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._look is not None:
            self._thread.join()

    def between(self, begun_at: float | None, ended_at: float | None) -> Stretch:
        """What was seen between two times, in seconds since 1970."""
        if begun_at is None or ended_at is None:
            return Stretch()
        seen = [look for look in self._looks if begun_at <= look.at <= ended_at]
        if not seen:
            return Stretch()
        return Stretch(
            statistics.median(look.sm_clock_mhz for look in seen),
            statistics.median(look.temperature_c for look in seen),
            statistics.median(look.power_w for look in seen),
            tuple(sorted({reason for look in seen for reason in look.held_back})),
        )

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            try:
                self._looks.append(self._look())  # type: ignore[misc]
            except Exception:  # noqa: BLE001 - a driver that stops answering must not end the benchmark
                return


@contextlib.contextmanager
def nvidia_gpu(uuid: str) -> Iterator[tuple[Callable[[], Look] | None, dict[str, str], tuple[str, ...]]]:
    """How to look at one of NVIDIA's GPUs, its facts, and what else uses it; nothing of it for any other GPU."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    except pynvml.NVMLError:
        yield None, {}, ()
        return
    try:
        yield (lambda: _look_at(handle)), _facts(handle), _others(handle)
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _look_at(handle: Any) -> Look:
    import pynvml

    reasons = int(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
    return Look(
        time.time(),
        float(pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)),
        float(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
        pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
        tuple(name for bit, name in _HELD_BACK.items() if reasons & bit),
    )


def _facts(handle: Any) -> dict[str, str]:
    import pynvml

    found: dict[str, str] = {}
    asked: Sequence[tuple[str, Callable[[], str]]] = (
        ("driver", lambda: str(pynvml.nvmlSystemGetDriverVersion())),
        ("most SM clock", lambda: f"{pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM)} MHz"),
        ("power limit", lambda: f"{pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000:.0f} W"),
    )
    for name, ask in asked:
        with contextlib.suppress(pynvml.NVMLError):
            found[name] = ask()
    return found


def _others(handle: Any) -> tuple[str, ...]:
    """Processes that use the GPU before we do."""
    import pynvml

    try:
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except pynvml.NVMLError:
        return ()
    return tuple(f"process {item.pid} ({(item.usedGpuMemory or 0) / 1e9:.1f} GB)" for item in running)
