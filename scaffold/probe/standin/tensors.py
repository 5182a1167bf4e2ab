"""Tensors that have a shape, a dtype and a device, and no memory.

PyTorch's fake tensors say what an operation would return without doing it.
What decides how a kernel is built is often a small tensor's content, though: sequence lengths, a padding mask, a block
table. So small tensors carry their values along, computed beside on the CPU, as long as everything they come from does.
Values of what a kernel wrote are unknown.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.weak import WeakIdKeyDictionary

from scaffold.probe.standin.believed import BelievedDevices, believe, common_device
from scaffold.probe.standin.operators import Operators
from scaffold.probe.standin.shown import show_as_real

#: Most elements of a tensor whose values are kept: a padding mask of 64 sequences of 8,192 tokens.
MOST_ELEMENTS = 1 << 19

#: Products cost more than their elements tell: their values are kept for the smallest only.
_PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "convolution", "einsum", "_scaled_dot", "linear", "matmul", "cdist")
_MOST_OF_A_PRODUCT = 1 << 12

#: Threads of the kit's own compute on nothing of the script's.
_OWN_THREADS = "scaffold-"


class ValueUnknownError(RuntimeError):
    """The script asks for a value that only a device that ran the kernel knows."""


class StandInTensors(TorchDispatchMode):  # type: ignore[misc] # PyTorch is not in the kit's environment
    """Every tensor made inside is a stand-in, in threads of the script's too.

    ``asked`` counts values that were asked for and are unknown; ``computed`` operations, ``guessed`` those whose result
    nobody knows.
    """

    def __init__(self) -> None:
        super().__init__()
        self._fakes = FakeTensorMode(allow_non_fake_inputs=True)
        self._devices = BelievedDevices(self._set_item)
        self._operators = Operators()
        self._values: Any = WeakIdKeyDictionary()
        self._stale: set[int] = set()
        self._inside = threading.local()
        self._unlock()
        os.register_at_fork(after_in_child=self._unlock)
        self.asked = self.computed = self.guessed = 0

    def __enter__(self) -> StandInTensors:
        show_as_real(self)
        self._operators.install()
        self._enter_in_threads()
        self._fakes.__enter__()
        super().__enter__()
        self._devices.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._devices.__exit__(*error)
        super().__exit__(*error)
        self._fakes.__exit__(*error)

    @property
    def is_computing(self) -> bool:
        """Whether PyTorch's own code inside an operation asks, which must see where tensors really are."""
        return bool(getattr(self._inside, "depth", 0))

    @contextlib.contextmanager
    def within(self) -> Iterator[None]:
        """The modes of this thread, entered once more: where PyTorch or Python calls the user's code without them."""
        with self._fakes:
            super().__enter__()
            try:
                with self._devices:
                    yield
            finally:
                super().__exit__(None, None, None)

    @contextlib.contextmanager
    def with_devices(self) -> Iterator[None]:
        """The outermost mode alone, which PyTorch takes off where it runs operations of its own."""
        with self._devices:
            yield

    def _enter_in_threads(self) -> None:
        thread: Any = threading.Thread
        original = thread._bootstrap_inner

        def bootstrap(own: Any) -> None:
            if own.name.startswith(_OWN_THREADS):
                original(own)
                return
            with self.within():
                original(own)

        thread._bootstrap_inner = bootstrap

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        self.computed += 1
        if (body := self._operators.body_of(func)) is not None:
            # The user's code, in which PyTorch's is no longer inside an operation.
            with self.within():
                return body(*args, **kwargs)
        with self._one_at_a_time:
            self._inside.depth = getattr(self._inside, "depth", 0) + 1
            try:
                return self._dispatch(func, args, kwargs)
            finally:
                self._inside.depth -= 1

    def _unlock(self) -> None:
        """One operation at a time: PyTorch's fake mode keeps for all threads whether one of them is in a kernel."""
        self._one_at_a_time = threading.RLock()

    def _dispatch(self, func: Any, args: Any, kwargs: Any) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            return self._scalar(args[0])
        if func in (torch.ops.aten.equal.default, torch.ops.aten.allclose.default):
            return self._equal(func, args, kwargs)
        inputs = [item for item in tree_flatten((args, kwargs))[0] if isinstance(item, FakeTensor)]
        device = common_device(inputs)
        try:
            out = func(*args, **kwargs)
        except Exception as error:  # a shape that depends on values, or an operation without a fake form
            real = self._really(func, args, kwargs, None)
            if real is None:
                said = (str(error).splitlines() or [type(error).__name__])[0][:160]
                raise ValueUnknownError(f"{func} needs values: {said}") from error
            return self._wrapped(real, device)
        self._remember(func, args, kwargs, out, self._really(func, args, kwargs, out))
        for item in tree_flatten(out)[0]:
            if device is not None and isinstance(item, FakeTensor) and not hasattr(item, "scaffold_device"):
                believe(item, device)
        return out

    def value(self, tensor: Any) -> Any | None:
        """The content of ``tensor`` as a CPU tensor, if it is known."""
        if not isinstance(tensor, FakeTensor):
            return tensor
        real = self._values.get(tensor)
        return None if real is None or _storage(real) in self._stale else real

    def known(self, tensor: Any) -> Any:
        """The content of ``tensor``.

        Raises
        ------
        ValueUnknownError
            If only a device that ran the kernels knows it.
        """
        real = self.value(tensor)
        if real is None:
            raise ValueUnknownError("the content of a tensor is asked for that only a GPU knows")
        return real

    def forget(self, tensor: Any) -> None:
        """Take the content of ``tensor``, and of all its views, for unknown: something wrote to it."""
        real = self._values.get(tensor) if isinstance(tensor, FakeTensor) else None
        if real is not None:
            self._stale.add(_storage(real))

    def _set_item(self, tensor: Any, index: Any, value: Any) -> bool:
        """Set an item of a tensor whose values are known, by number: tables are filled so, one item at a time."""
        places = index if isinstance(index, tuple) else (index,)
        if not isinstance(tensor, FakeTensor) or not isinstance(value, (int, float)):
            return False
        if any(type(place) is not int for place in places) or len(places) != tensor.dim() or tensor.requires_grad:
            return False
        real = self.value(tensor)
        if real is None:
            return False
        self.computed += 1
        with _disable_current_modes():
            real[index] = value
        return True

    def _scalar(self, tensor: Any) -> Any:
        real = self.value(tensor)
        if real is not None:
            with _disable_current_modes():
                return real.item()
        self.asked += 1
        if tensor.dtype is torch.bool:
            return True
        return 1.0 if tensor.dtype.is_floating_point else 1

    def _equal(self, func: Any, args: Any, kwargs: Any) -> bool:
        """Whether two tensors are equal, or close; they are where nobody knows."""
        if any(self.value(item) is None for item in args if isinstance(item, torch.Tensor)):
            return True
        with _disable_current_modes():
            return bool(func(*map(self._on_cpu, args), **kwargs))

    def _really(self, func: Any, args: Any, kwargs: Any, out: Any) -> Any | None:
        """What ``func`` returns on the CPU, or ``None`` where an input is unknown or the work is not small."""
        tensors = [item for item in tree_flatten((args, kwargs, out))[0] if isinstance(item, torch.Tensor)]
        name = func.__name__ if hasattr(func, "__name__") else str(func)
        most = _MOST_OF_A_PRODUCT if any(word in name for word in _PRODUCTS) else MOST_ELEMENTS
        if any(tensor.numel() > most for tensor in tensors):
            return None
        inputs = [item for item in tree_flatten((args, kwargs))[0] if isinstance(item, torch.Tensor)]
        if any(self.value(tensor) is None for tensor in inputs):
            return None
        with _disable_current_modes(), contextlib.suppress(Exception):
            cpu_args, cpu_kwargs = tree_map(self._on_cpu, (args, kwargs))
            return func(*cpu_args, **cpu_kwargs)
        return None

    def _on_cpu(self, item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            return self.value(item)
        return item

    def _remember(self, func: Any, args: Any, kwargs: Any, out: Any, real: Any | None) -> None:
        if real is None:
            self.guessed += 1
            for tensor in _written(func, args, kwargs):
                self.forget(tensor)
            return
        for made, value in zip(tree_flatten(out)[0], tree_flatten(real)[0], strict=False):
            if isinstance(made, FakeTensor) and isinstance(value, torch.Tensor) and made.shape == value.shape:
                self._know(made, value)

    def _know(self, made: Any, value: Any) -> None:
        self._values[made] = value
        # What it was computed from is known: a storage once stale at this address is gone.
        self._stale.discard(_storage(value))

    def _wrapped(self, real: Any, device: Any) -> Any:
        """Stand-ins for CPU tensors whose content is known."""

        def stand_in(item: Any) -> Any:
            if not isinstance(item, torch.Tensor):
                return item
            with self._fakes:
                made = torch.empty_strided(item.shape, item.stride(), dtype=item.dtype)
            self._know(made, item)
            if device is not None:
                believe(made, device)
            return made

        return tree_map(stand_in, real)


def _storage(real: Any) -> int:
    return int(real.untyped_storage()._cdata)


def _written(func: Any, args: Any, kwargs: Any) -> list[Any]:
    """The arguments ``func`` writes to, by its schema."""
    found: list[Any] = []
    for index, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            found += tree_flatten(args[index] if index < len(args) else kwargs.get(argument.name))[0]
    return found
