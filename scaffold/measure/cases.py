"""What is to be timed: kernels, on one side or two, and what each is set beside."""

from __future__ import annotations

from dataclasses import dataclass

from scaffold.builds.build import Build
from scaffold.kernels.catalog import load_zoo_kernel
from scaffold.probe.protocol import KernelRequest


@dataclass(frozen=True)
class Side:
    """A build with its label (``baseline``, ``candidate``), its version, and what else tells it from the other side."""

    label: str
    build: Build
    version: str
    detail: str = ""


@dataclass(frozen=True)
class Case:
    """One kernel; ``candidate`` is ``None`` where one side alone is timed, beside its contenders.

    ``contenders`` are other ways to compute the same (``torch``, ``triton``), which the kernel of the zoo names.
    """

    name: str
    baseline: KernelRequest
    candidate: KernelRequest | None = None
    contenders: tuple[str, ...] = ()

    @property
    def times_itself(self) -> bool:
        """Whether it is a case of upstream's own, whose kernels nobody sees and whose outputs nobody checks."""
        return self.baseline.source.startswith("regression:")

    @property
    def is_same_work(self) -> bool:
        """Whether both sides compute the same from the same inputs, so that outputs must agree."""
        if self.candidate is None or self.candidate.path is not None:
            return True
        kernel = load_zoo_kernel(self.baseline.name)
        return kernel.tensors(self.baseline.parameters) == kernel.tensors(self.candidate.parameters)


@dataclass(frozen=True)
class Options:
    """How to measure.

    ``smallest`` is the smallest effect of interest (0.01: one per cent); ``time_limit_s`` is for all timing;
    ``budget_ms`` for one kernel in one block; ``timeout_s`` for a kernel that hangs.
    """

    smallest: float = 0.01
    time_limit_s: float = 600.0
    most_rounds: int = 40
    budget_ms: float = 200.0
    timeout_s: float = 600.0
    method: str = "auto"
    force: bool = False
    seed: int = 0
