"""Which ``@tilelang.jit`` function made a PrimFunc, and with what: a kernel's name and parameters."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from scaffold.probe.standin.packages import require_known
from scaffold.probe.standin.replacing import put


class Makers:
    """Remembers who made what."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, dict[str, Any]]] = []

    def watch(self) -> None:
        """See every PrimFunc such a function makes from now on."""
        impl_class = getattr(sys.modules.get("tilelang.jit"), "JITImpl", None)
        original = getattr(impl_class, "get_tir", None)
        if original is None:
            return

        def get_tir(impl: Any, *args: Any, **kwargs: Any) -> Any:
            require_known(_name_of(impl) or "the kernel", dict(_named(impl.signature, args, kwargs)))
            made = original(impl, *args, **kwargs)
            name, parameters = _name_of(impl), _scalars(impl.signature, args, kwargs)
            if name:
                self._made.append((made, name, parameters))
            return made

        put(impl_class, "get_tir", get_tir)

    def who_made(self, prim_func: Any) -> tuple[str, dict[str, Any]]:
        """The name of the kernel and the parameters it was made with."""
        for made, name, parameters in reversed(self._made):
            if made.same_as(prim_func):
                return name, parameters
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            owner = frame.f_locals.get("self")
            if (
                type(owner).__name__ in ("JITImpl", "_JitImplementation")
                and owner is not None
                and (name := _name_of(owner))
            ):
                local = frame.f_locals
                return name, _scalars(owner.signature, local.get("args", ()), local.get("kwargs", {}))
            frame = frame.f_back
        attributes = prim_func.attrs
        return str(attributes["global_symbol"]) if attributes and "global_symbol" in attributes else "main", {}


def _name_of(impl: Any) -> str:
    """The name of the function a ``@tilelang.jit`` decorates."""
    function = getattr(impl, "func", None)
    return str(getattr(function, "__name__", None) or getattr(getattr(function, "orig_func", None), "__name__", ""))


def _scalars(signature: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are numbers or names, defaults included."""
    named = dict(kwargs)
    tuned = named.pop("__tune_params", {})
    try:
        bound = signature.bind_partial(*args, **{**named, **tuned})
        bound.apply_defaults()
    except (TypeError, AttributeError):
        return {}
    return {
        name: value
        for name, value in bound.arguments.items()
        if isinstance(value, (int, float, bool, str)) and not name.startswith("__")
    }


def _named(signature: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments by name; by place where they do not fit."""
    try:
        return dict(signature.bind_partial(*args, **kwargs).arguments)
    except (TypeError, AttributeError):
        return {**{f"argument {place}": value for place, value in enumerate(args, start=1)}, **kwargs}
