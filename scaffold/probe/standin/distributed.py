"""``torch.distributed`` as one of several processes would see it, with nobody else there.

Processes that a script spawns are forked instead: a fresh interpreter would know nothing of stand-ins.
"""

from __future__ import annotations

import multiprocessing.context
import types
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._pytree import tree_flatten

from scaffold.probe.standin.replacing import always, put

_COLLECTIVES = (
    "all_reduce", "all_gather", "all_gather_into_tensor", "_all_gather_base", "broadcast", "reduce", "reduce_scatter",
    "reduce_scatter_tensor", "all_to_all", "all_to_all_single", "gather", "scatter", "send", "recv", "isend", "irecv",
)  # fmt: skip


def pretend(forget: Callable[[Any], None]) -> None:
    """Make ``torch.distributed`` of this process answer without anybody else; ``forget`` takes what others write to."""
    contexts = getattr(multiprocessing.context, "_concrete_contexts", None)
    if contexts is not None and "fork" in contexts:
        contexts.update(spawn=contexts["fork"], forkserver=contexts["fork"])
        put(multiprocessing.context._default_context, "_default_context", contexts["fork"])
    group = _Group()
    distributed: Any = torch.distributed
    answers = {
        "is_available": True,
        "is_nccl_available": True,
        "new_group": group,
        "barrier": None,
        "monitored_barrier": None,
        "destroy_process_group": None,
        "get_backend": "nccl",
        "all_gather_object": None,
        "broadcast_object_list": None,
    }
    for name, answer in answers.items():
        put(distributed, name, always(answer))
    put(distributed, "init_process_group", group.start)
    put(distributed, "is_initialized", lambda: group.started)
    put(distributed, "get_rank", lambda *_, **__: group.own_rank)
    put(distributed, "get_world_size", lambda *_, **__: group.count)
    work = types.SimpleNamespace(wait=always(None), is_completed=always(True))

    def collective(*args: Any, **kwargs: Any) -> Any:
        for item in tree_flatten((args, kwargs))[0]:
            if isinstance(item, torch.Tensor):
                forget(item)
        return work

    for name in _COLLECTIVES:
        put(distributed, name, collective)
    put(distributed, "group", types.SimpleNamespace(WORLD=group))


class _Group:
    """A process group of which the others are not here."""

    def __init__(self) -> None:
        self.started, self.own_rank, self.count = False, 0, 1

    def start(self, *_: Any, rank: int = 0, world_size: int = 1, **__: Any) -> None:
        self.started = True
        self.own_rank = rank if isinstance(rank, int) and rank > 0 else 0
        self.count = world_size if isinstance(world_size, int) and world_size > 0 else 1

    def rank(self) -> int:
        return self.own_rank

    def size(self) -> int:
        return self.count
