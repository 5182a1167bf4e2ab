"""``torch.cuda`` as a machine with one GPU of a given architecture would show it."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import torch

from scaffold.probe.standin.gpus import KIB, PretendedDevice, device_for
from scaffold.probe.standin.replacing import always, put

#: For a target that has no GPU behind ``torch.cuda``: a script may ask before it is told.
_ANY = "cuda:sm_80"

#: What changes nothing on a device that is not there.
_IDLE = (
    "synchronize", "empty_cache", "init", "_lazy_init", "set_device", "manual_seed", "manual_seed_all", "seed",
    "reset_peak_memory_stats", "reset_max_memory_allocated", "reset_accumulated_memory_stats", "ipc_collect",
    "set_stream", "_sleep", "set_rng_state", "set_per_process_memory_fraction", "memory_stats", "cudart",
)  # fmt: skip


def pretend(target: str) -> None:
    """Make ``torch.cuda`` of this process speak of a device of ``target``, and tensors move to it by name alone."""
    device = device_for(target) or device_for(_ANY)
    if device is None:
        raise ValueError(f"no device stands for {_ANY}")
    for name, answer in _answers(device).items():
        put(torch.cuda, name, always(answer))
    for name in _IDLE:
        put(torch.cuda, name, always(None))
    _pretend_streams()
    if device.gcn_arch:
        put(torch.version, "hip", torch.version.hip or "6.3")
    else:
        put(torch.version, "cuda", torch.version.cuda or "12.8")
    if target == "metal":
        put(torch.backends.mps, "is_available", always(True))
        put(torch.mps, "synchronize", always(None))
    put(torch.Tensor, "cuda", _to_device)
    put(torch.Tensor, "cpu", lambda tensor, **_: tensor.to("cpu"))
    put(torch.nn.Module, "cuda", _module_to_device)
    put(torch.nn.Module, "_apply", _apply_to_module)
    put(torch.Tensor, "pin_memory", lambda tensor, *_: tensor)
    put(torch.Tensor, "is_pinned", always(True))
    put(torch.Tensor, "record_stream", always(None))
    put(torch, "Generator", _Generator)
    put(torch, "compile", _as_it_is)


def _answers(device: PretendedDevice) -> dict[str, Any]:
    properties = types.SimpleNamespace(
        name=device.name,
        major=device.capability[0],
        minor=device.capability[1],
        multi_processor_count=device.multiprocessors,
        total_memory=device.memory,
        warp_size=device.warp_size,
        shared_memory_per_block=48 * KIB,
        shared_memory_per_block_optin=device.shared_per_block,
        shared_memory_per_multiprocessor=device.shared_per_multiprocessor,
        regs_per_multiprocessor=65536,
        max_threads_per_multi_processor=2048,
        max_threads_per_block=1024,
        L2_cache_size=device.l2_cache,
        gcnArchName=device.gcn_arch,
        is_integrated=0,
        is_multi_gpu_board=0,
        uuid="00000000-0000-0000-0000-000000000000",
    )
    return {
        "is_available": True,
        "is_initialized": True,
        "device_count": 1,
        "current_device": 0,
        "get_device_capability": device.capability,
        "get_device_name": device.name,
        "get_device_properties": properties,
        "mem_get_info": (device.memory, device.memory),
        "is_bf16_supported": True,
        "get_arch_list": [f"sm_{device.capability[0]}{device.capability[1]}"],
        "memory_allocated": 0,
        "max_memory_allocated": 0,
        "memory_reserved": 0,
        "max_memory_reserved": 0,
        "utilization": 0,
        "is_current_stream_capturing": False,
        "can_device_access_peer": False,
    }


class _Stream:
    """A stream on which nothing runs."""

    cuda_stream = 0
    device = torch.device("cuda", 0)
    device_index = 0

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None: ...
    def synchronize(self) -> None: ...
    def wait_stream(self, *_: Any) -> None: ...
    def wait_event(self, *_: Any) -> None: ...
    def query(self) -> bool:
        return True

    def record_event(self, event: Any = None) -> Any:
        return event or _Event()


class _Event:
    """An event that has happened; a millisecond lies between any two."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def record(self, *_: Any) -> None: ...
    def wait(self, *_: Any) -> None: ...
    def synchronize(self) -> None: ...
    def query(self) -> bool:
        return True

    def elapsed_time(self, _: Any) -> float:
        return 1.0


class _Graph:
    """A CUDA graph that captures by running once and replays nothing."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def replay(self) -> None: ...
    def reset(self) -> None: ...
    def pool(self) -> tuple[int, int]:
        return (0, 0)

    def capture_begin(self, *_: Any, **__: Any) -> None: ...
    def capture_end(self) -> None: ...


def _pretend_streams() -> None:
    stream = _Stream()
    for name in ("current_stream", "default_stream"):
        put(torch.cuda, name, always(stream))
    for name, kind in (("Stream", _Stream), ("ExternalStream", _Stream), ("Event", _Event), ("CUDAGraph", _Graph)):
        put(torch.cuda, name, kind)
    for name in ("stream", "graph", "device", "device_of", "StreamContext"):
        put(torch.cuda, name, _nothing)
    put(torch.cuda, "make_graphed_callables", lambda function, *_, **__: function)
    put(
        torch.cuda,
        "nvtx",
        types.SimpleNamespace(range=_nothing, range_push=always(0), range_pop=always(0), mark=always(None)),
    )


@contextlib.contextmanager
def _nothing(*_: Any, **__: Any) -> Iterator[None]:
    yield


def _to_device(tensor: Any, device: Any = None, *_: Any, **__: Any) -> Any:
    return tensor.to("cuda" if device is None else device)


def _module_to_device(module: Any, device: Any = None) -> Any:
    return module.to("cuda" if device is None else device)


def _apply_to_module(module: Any, function: Any, recurse: bool = True) -> Any:
    """What moves or converts a module's tensors: PyTorch's own way would swap a stand-in's insides."""
    for child in module.children() if recurse else ():
        child._apply(function)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            with torch.no_grad():
                moved = function(parameter)
            module._parameters[name] = torch.nn.Parameter(moved, parameter.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = function(buffer)
    return module


class _Generator(torch.Generator):  # type: ignore[misc] # PyTorch is not in the kit's environment
    """A generator of the CPU, whatever device it is asked for."""

    def __new__(cls, device: Any = None) -> Any:
        del device
        return super().__new__(cls, "cpu")


def _as_it_is(function: Any = None, *_: Any, **__: Any) -> Any:
    """``torch.compile`` and its like, used plain or with arguments: the function, not compiled."""
    return function if function is not None else _as_it_is
