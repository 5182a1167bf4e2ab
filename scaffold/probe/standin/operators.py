"""Operators that the script registers with PyTorch: their bodies lead to kernels, and run on stand-ins."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from scaffold.probe.standin.replacing import put

#: Where the body of an operator is registered that a tensor on a GPU would run; the first that is there.
_KEYS = ("CUDA", "CompositeExplicitAutograd", "CompositeImplicitAutograd", "CPU")


class Operators:
    """Remembers the bodies of operators that are registered from now on, by name and dispatch key."""

    def __init__(self) -> None:
        self._bodies: dict[str, dict[str, Callable[..., Any]]] = {}

    def install(self) -> None:
        """``custom_op``, ``triton_op`` and ``torch.library.impl`` all come by ``Library.impl``."""
        library: Any = torch.library.Library
        original, bodies = library.impl, self._bodies

        @functools.wraps(original)
        def impl(own: Any, op_name: Any, fn: Any, dispatch_key: Any = "", *args: Any, **kwargs: Any) -> Any:
            made = original(own, op_name, fn, dispatch_key, *args, **kwargs)
            key = str(dispatch_key or own.dispatch_key or "CompositeImplicitAutograd")
            if key in _KEYS and callable(fn):
                named = str(getattr(op_name, "_name", op_name)).rpartition("::")[2]
                bodies.setdefault(f"{own.ns}::{named.removesuffix('.default')}", {})[key] = fn
            return made

        put(library, "impl", impl)

    def body_of(self, func: Any) -> Callable[..., Any] | None:
        """What ``func`` runs on a GPU, if the script has registered it; ``None`` for an operator of PyTorch's."""
        name = getattr(getattr(func, "_schema", None), "name", "")
        overload = str(getattr(func, "_overloadname", "default"))
        found = self._bodies.get(f"{name}.{overload}") or self._bodies.get(name) or {}
        return next((found[key] for key in _KEYS if key in found), None)
