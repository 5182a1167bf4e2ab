"""Reasons several kernels of the zoo share for refusing a target."""

from __future__ import annotations


def needs_thread_blocks(target: str) -> str | None:
    """Refuse targets that have neither thread blocks nor shared memory."""
    if target.partition(":")[0] == "c":
        return "target c has no thread blocks or shared memory, which this kernel's tiles live in; use cpu_gemm"
    return None


def needs_reductions(target: str) -> str | None:
    """Refuse targets for which TileLang cannot reduce a fragment across threads."""
    if target.partition(":")[0] == "metal":
        return "TileLang (up to 0.1.15) has no implementation of T.reduce_sum/T.reduce_max for Metal"
    return needs_thread_blocks(target)
