"""What a stand-in tensor shows of itself: the device the script believes it on, and its values where they are known."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import _disable_current_modes

from scaffold.probe.standin.believed import believed_device, follow_default_device
from scaffold.probe.standin.replacing import always, put


class Knowing(Protocol):
    """Who knows of values: ``StandInTensors``."""

    @property
    def is_computing(self) -> bool: ...
    def value(self, tensor: Any) -> Any | None: ...
    def known(self, tensor: Any) -> Any: ...
    def with_devices(self) -> AbstractContextManager[None]: ...


def show_as_real(tensors: Knowing) -> None:
    """Let tensors of this process answer as those of a GPU would, as far as ``tensors`` knows."""
    original: Any = FakeTensor.device.fget

    def device(tensor: Any) -> Any:
        return original(tensor) if tensors.is_computing else believed_device(tensor, original)

    put(FakeTensor, "device", property(device))
    put(torch.Tensor, "is_cuda", property(lambda tensor: tensor.device.type == "cuda"))
    put(torch.Tensor, "is_cpu", property(lambda tensor: tensor.device.type == "cpu"))
    put(torch.Tensor, "get_device", lambda tensor: 0 if tensor.device.type == "cuda" else -1)
    put(torch.Tensor, "data_ptr", always(256))
    for name in ("numpy", "tolist"):
        _answer_with_values(tensors, name)
    for name in ("assert_close", "assert_allclose"):
        _compare_what_is_known(tensors, name)
    follow_default_device()
    for module in (torch.autograd, torch.autograd.graph):
        if (run_backward := getattr(module, "_engine_run_backward", None)) is not None:
            put(module, "_engine_run_backward", _with_devices(tensors, run_backward))


def _answer_with_values(tensors: Knowing, name: str) -> None:
    original = getattr(torch._C.TensorBase, name)

    def answer(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        known = tensors.known(tensor)
        with _disable_current_modes():
            return original(known, *args, **kwargs)

    put(torch.Tensor, name, answer)
    if name in vars(FakeTensor):
        put(FakeTensor, name, answer)


def _compare_what_is_known(tensors: Knowing, name: str) -> None:
    """``torch.testing``'s comparisons, between values; without them there is nothing to compare."""
    original = getattr(torch.testing, name, None)
    if original is None:
        return

    def compare(actual: Any, expected: Any, *args: Any, **kwargs: Any) -> None:
        pair = [tensors.value(item) if isinstance(item, torch.Tensor) else item for item in (actual, expected)]
        if pair[0] is not None and pair[1] is not None:
            with _disable_current_modes():
                original(*pair, *args, **kwargs)

    put(torch.testing, name, compare)


def _with_devices(tensors: Knowing, function: Any) -> Any:
    """PyTorch calls back into the user's code from there, which must find the modes where it left them."""

    def again(*args: Any, **kwargs: Any) -> Any:
        with tensors.with_devices():
            return function(*args, **kwargs)

    return again
