"""Which device the script believes a tensor to be on.

Every stand-in lies on the CPU, as a PyTorch built without CUDA knows no other; the believed device is written on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

from scaffold.probe.standin.replacing import put

_MARK = "scaffold_device"

_DEVICE_NAME = re.compile(r"(cuda|cpu|hip|mps)(:\d+)?\Z")
_DEVICE_TYPES = ("cuda", "cpu", "mps")

#: Say of which device is spoken, and make nothing on it.
_NAMING_DEVICES = (torch.device, torch._C._nn._parse_to)

#: Make a tensor where another lies: the one they belong to, or the one that is named.
_BESIDE_THEIR_OWNER = (torch.Tensor.new_tensor, torch.Tensor.new)
_BESIDE_ANOTHER = (*_BESIDE_THEIR_OWNER, torch.Tensor.to, torch.Tensor.type_as)


class BelievedDevices(TorchFunctionMode):  # type: ignore[misc] # PyTorch is not in the kit's environment
    """Takes the device out of every call, and writes on what comes back where the script believes it to be.

    ``set_item(tensor, index, value)`` says whether it has done that.
    """

    def __init__(self, set_item: Callable[[Any, Any, Any], bool]) -> None:
        super().__init__()
        self._set_item = set_item

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        if func in _NAMING_DEVICES:
            return func(*args, **kwargs)
        if func is torch.Tensor.__setitem__ and self._set_item(*args):
            return None
        device, args, kwargs = _without_device(args, kwargs)
        if device is None and func in _BESIDE_ANOTHER:
            others = [item for item in (*args, *kwargs.values()) if isinstance(item, torch.Tensor)]
            if func in _BESIDE_THEIR_OWNER or len(others) > 1:
                device = believed_device(others[-1])
        out = func(*args, **kwargs)
        return out if device is None else _placed(out, device, (args, kwargs))


def _placed(out: Any, device: Any, given: Any) -> Any:
    inputs = [id(item) for item in tree_flatten(given)[0] if isinstance(item, torch.Tensor)]

    def placed(item: Any) -> Any:
        if not isinstance(item, FakeTensor):
            return item
        # ``to`` gave back what it was given: the copy it would have made must not move the original.
        moved = item.view_as(item) if id(item) in inputs and believed_device(item) != device else item
        believe(moved, device)
        return moved

    return tree_map(placed, out)


def believe(tensor: Any, device: Any) -> None:
    put(tensor, _MARK, device)


def believed_device(tensor: Any, original: Any = None) -> Any:
    """Where the script believes ``tensor`` to be."""
    known = getattr(tensor, _MARK, None)
    if known is not None:
        return known
    return original(tensor) if original is not None else torch.device("cpu")


def common_device(tensors: list[Any]) -> Any | None:
    """The device of the first of ``tensors`` that is believed to be anywhere; scalars follow the others."""
    found = None
    for tensor in tensors:
        device = getattr(tensor, _MARK, None)
        if device is not None and (tensor.dim() or device.type != "cpu"):
            return device
        found = found or device
    return found


def follow_default_device() -> None:
    """Let ``torch.set_default_device`` and ``with torch.device(...)`` say where the script believes new tensors."""
    context = getattr(torch.utils, "_device", None)
    owner = getattr(context, "DeviceContext", None)
    if owner is None:
        return
    makes_tensors = context._device_constructors  # type: ignore[union-attr]

    def __torch_function__(self: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = dict(kwargs or {})
        if func not in makes_tensors() or kwargs.get("device") is not None:
            return func(*args, **kwargs)
        out = func(*args, **{**kwargs, "device": torch.device("cpu")})
        return _placed(out, _known_device(self.device), (args, kwargs))

    put(owner, "__torch_function__", __torch_function__)


def _known_device(device: Any) -> Any:
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _without_device(args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    """The device a call names, and the call with the CPU in its place."""
    found: list[Any] = []

    def replaced(item: Any) -> Any:
        named = isinstance(item, str) and _DEVICE_NAME.match(item)
        if not named and not (isinstance(item, torch.device) and item.type in _DEVICE_TYPES):
            return item
        found.append(_known_device(torch.device(str(item).replace("hip", "cuda"))))
        return torch.device("cpu")

    changed = tuple(replaced(item) for item in args)
    named = {
        key: replaced(item) if key == "device" or not isinstance(item, str) else item for key, item in kwargs.items()
    }
    ordinal = kwargs.get("device")
    if isinstance(ordinal, int) and not isinstance(ordinal, bool):
        found.append(torch.device("cuda", ordinal))
        named["device"] = torch.device("cpu")
    return (found[0] if found else None), changed, named
