"""A kernel that was compiled and is never launched: called, it gives stand-ins for its outputs."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

import torch


class Launch:
    """Stands in for the adapter of a kernel. ``launched`` is told of the tensors the kernel writes to."""

    def __init__(
        self, tvm: Any, prim_func: Any, out_idx: Any, artifact: Any, launched: Callable[[list[Any]], None]
    ) -> None:
        self._tvm, self._launched = tvm, launched
        self.prim_func = prim_func
        self.params = _parameters_of(prim_func)
        count = len(self.params)
        chosen = [] if out_idx is None else [out_idx] if isinstance(out_idx, int) else list(out_idx)
        self.result_idx = [int(index) % count for index in chosen] if count else []
        self.artifact = artifact
        self.kernel_source = str(artifact.kernel_source) if artifact is not None else ""
        self.kernel_global_source = self.kernel_source
        self._written = _written_names(artifact)
        self.func = self
        self.libpath = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs = [index for index in range(len(self.params)) if index not in self.result_idx]
        given = dict(zip(inputs, [*args, *kwargs.values()], strict=False))
        extents = self._extents(given)
        device = next((value.device for value in given.values() if isinstance(value, torch.Tensor)), "cuda")
        made = [
            torch.empty(self._shape(self.params[index], extents), dtype=_dtype(self.params[index]), device=device)
            for index in self.result_idx
        ]
        self._launched([*made, *(value for index, value in given.items() if self._writes(index, value))])
        return made[0] if len(made) == 1 else made or None

    def _writes(self, index: int, value: Any) -> bool:
        """Whether the kernel writes to an argument: as its device code says, else to any of floating point."""
        if not isinstance(value, torch.Tensor):
            return False
        handle = self.prim_func.params[index]
        if self._written is None or handle not in self.prim_func.buffer_map:
            # Integers that go in are lengths and indices, as a rule.
            return bool(value.dtype.is_floating_point)
        return str(self.prim_func.buffer_map[handle].data.name) in self._written

    def get_kernel_source(self, *_: Any, **__: Any) -> str:
        return self.kernel_source

    def get_host_source(self, *_: Any, **__: Any) -> str:
        return str(getattr(self.artifact, "host_mod", None) or "")

    def _extents(self, given: Mapping[int, Any]) -> dict[Any, int]:
        """What the shapes and numbers handed in say of the kernel's symbolic extents."""
        found: dict[Any, int] = {}
        for index, value in given.items():
            for extent, size in zip(self.params[index].shape, getattr(value, "shape", ()), strict=False):
                if not isinstance(extent, int) and hasattr(extent, "name"):
                    found[extent] = int(size)
            handle = self.prim_func.params[index]
            if isinstance(value, int) and handle not in self.prim_func.buffer_map:
                found[handle] = value
        return found

    def _shape(self, parameter: Any, extents: Mapping[Any, int]) -> list[int]:
        space = getattr(self._tvm, "tirx", None) or self._tvm.tir
        shape = []
        for extent in parameter.shape:
            if isinstance(extent, int):
                shape.append(extent)
                continue
            known = self._tvm.arith.Analyzer().simplify(space.stmt_functor.substitute(extent, dict(extents)))
            shape.append(int(getattr(known, "value", 1)))
        return shape


def check_out_idx(prim_func: Any, out_idx: Any) -> None:
    """Raise what TileLang raises for an ``out_idx`` that names no parameter of the kernel."""
    from tilelang.jit.adapter.base import BaseKernelAdapter

    check = getattr(BaseKernelAdapter, "_legalize_result_idx", None)
    if check is not None:
        # It writes to a list it is given.
        given = list(out_idx) if isinstance(out_idx, list) else out_idx
        check(types.SimpleNamespace(params=_parameters_of(prim_func)), given)


def _written_names(artifact: Any) -> set[str] | None:
    """Names of the buffers the device code of a kernel writes to; ``None`` where it does not say so."""
    names: set[str] = set()
    module = getattr(artifact, "device_mod", None)
    for function in module.functions.values() if module is not None else ():
        read_only = dict(function.attrs or {}).get("tl.readonly_param_indices")
        if read_only is None:
            return None
        reads = {int(index) for index in read_only}
        names |= {str(parameter.name) for index, parameter in enumerate(function.params) if index not in reads}
    return names if module is not None else None


def _parameters_of(prim_func: Any) -> list[Any]:
    try:
        from tilelang.engine.param import KernelParam
    except ImportError:
        from tilelang.jit.param import KernelParam
    return [
        KernelParam.from_buffer(prim_func.buffer_map[handle])
        if handle in prim_func.buffer_map
        else KernelParam.from_var(handle)
        for handle in prim_func.params
    ]


def _dtype(parameter: Any) -> Any:
    convert = getattr(parameter, "torch_dtype", None)
    try:
        return convert() if convert is not None else parameter.dtype
    except Exception:  # noqa: BLE001 - a packed type that PyTorch has no name for: its bytes
        return torch.uint8
