"""TileLang's entrance to the compiler, taken: what a script compiles is recorded, and never run.

What is replaced is asked for by name and left alone where a release has it not: ``JITKernel``'s compile step,
``tilelang.lower``, the choice of target, and what looks for a GPU or measures on one.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch

from scaffold.probe.lowering import Lowered
from scaffold.probe.standin.launch import Launch, check_out_idx
from scaffold.probe.standin.makers import Makers
from scaffold.probe.standin.measuring import replace_profiler, replace_what_looks_for_a_gpu
from scaffold.probe.standin.packages import require_known
from scaffold.probe.standin.replacing import is_tilelang, put, replace_everywhere
from scaffold.probe.standin.tensors import StandInTensors
from scaffold.probe.standin.tuning import Tuning

#: ``record(prim_func, target, pass_configs, parameters, name)`` lowers and records.
Record = Callable[[Any, Any, Mapping[str, Any], Mapping[str, Any], str], Lowered]

#: Kinds of target by which a script asks for the GPU that is there.
_THE_GPU = ("auto", "cuda", "hip", "metal")


class Takeover:
    """Replaces what a script would compile and run with.

    ``options`` are those of the pinned target; ``caught(error)`` says whether the script itself has an answer to a
    kernel that does not lower.
    """

    def __init__(
        self,
        tilelang: Any,
        tvm: Any,
        options: Mapping[str, str],
        *,
        record: Record,
        tensors: StandInTensors,
        caught: Callable[[Exception], bool],
    ) -> None:
        self._tilelang, self._tvm, self._options = tilelang, tvm, dict(options)
        self._target = tvm.target.Target(self._options)
        self._record, self._tensors, self._caught = record, tensors, caught
        self._lock = threading.RLock()
        self._waited_for = False
        self._tuning = Tuning(self.note)
        self._makers = Makers()
        self.notes: dict[str, None] = {}
        #: Kernels asked for and launched so far; one asked for again does not count.
        self.compiled = self.launched = 0

    def note(self, text: str) -> None:
        """Something worth telling at the end, once."""
        self.notes[text] = None

    def install(self) -> None:
        from tilelang.jit.kernel import JITKernel

        takeover = self

        def compile_step(kernel: Any, prim_func: Any, out_idx: Any) -> Any:
            return takeover._compiled(kernel, prim_func, out_idx)

        put(JITKernel, "_compile_and_create_adapter", compile_step)
        self._makers.watch()
        self._replace_target_choice()
        self._pin_plain_targets()
        self._replace_lower()
        self._compile_in_order()
        for name in ("compile", "par_compile"):
            self._require_known(name)
        self._tuning.install()
        replace_profiler()
        replace_what_looks_for_a_gpu(self._tvm)

    def _compiled(self, kernel: Any, prim_func: Any, out_idx: Any) -> Any:
        """In place of ``JITKernel``'s compile step: what it returns stands in for the adapter."""
        check_out_idx(prim_func, out_idx)
        lowered = self._lowered(prim_func, kernel.target, configs_of(kernel))
        adapter = Launch(self._tvm, prim_func, out_idx, lowered.artifact, self._launched)
        kernel.artifact = lowered.artifact if lowered.artifact is not None else adapter
        return adapter

    def _replace_lower(self) -> None:
        original = self._tilelang.lower
        takes = inspect.signature(original)

        @functools.wraps(original)
        def lower(*args: Any, **kwargs: Any) -> Any:
            try:
                given = takes.bind(*args, **kwargs).arguments
            except TypeError as error:
                raise TypeError(f"lower() {error}") from None
            require_known("tilelang.lower", given)
            return self._lower(next(iter(given.values())), given.get("target"))

        replace_everywhere(original, lower)

    def _lower(self, func_or_mod: Any, target: Any) -> Any:
        """``tilelang.lower`` called by the script itself."""
        prim_func = function_of(func_or_mod)
        chosen = self._choose(target, lambda: self._target)
        return self._lowered(prim_func, chosen, dict(self._tvm.transform.PassContext.current().config)).artifact

    def _lowered(self, prim_func: Any, target: Any, configs: Mapping[str, Any]) -> Lowered:
        name, parameters = self._makers.who_made(prim_func)
        with self._lock:
            lowered = self._record(prim_func, target, configs, parameters, name)
        self.compiled += not lowered.again
        error = lowered.error
        # A script with an answer to it must see it; for another, what comes after the kernel matters too.
        if isinstance(error, Exception) and (self._tuning.trying or self._caught(error)):
            raise error
        if self._tuning.trying and (excess := _excess(lowered.artifact)):
            raise RuntimeError(f"{name} {excess}")
        return lowered

    def _launched(self, written: list[Any]) -> None:
        """Take down that a kernel was launched, which wrote to these tensors."""
        self.launched += 1
        for tensor in written:
            self._tensors.forget(tensor)

    def _require_known(self, name: str) -> None:
        """Let one of ``tilelang``'s functions refuse what nobody knows, which it may take for nothing given."""
        original = getattr(self._tilelang, name, None)
        if original is None:
            return

        @functools.wraps(original)
        def checked(*args: Any, **kwargs: Any) -> Any:
            places = {f"argument {place}": value for place, value in enumerate(args, start=1)}
            require_known(f"tilelang.{name}", {**places, **kwargs})
            return original(*args, **kwargs)

        replace_everywhere(original, checked)

    def _compile_in_order(self) -> None:
        """``par_compile`` with one worker: kernels are named in the order in which they come."""
        original = getattr(sys.modules.get("tilelang.jit"), "par_compile", None)
        if original is None:
            return

        @functools.wraps(original)
        def par_compile(*args: Any, **options: Any) -> Any:
            outer, self._waited_for = self._waited_for, threading.current_thread() is threading.main_thread()
            try:
                return original(*args, **{**options, "num_workers": 1})
            finally:
                self._waited_for = outer

        replace_everywhere(original, par_compile)

    @property
    def is_in_order(self) -> bool:
        """Whether what is compiled now would be compiled at the same point in any run."""
        return self._waited_for or threading.current_thread() is threading.main_thread()

    def _choose(self, asked: Any, original: Callable[[], Any]) -> Any:
        """The pinned target for ``auto`` and a plain ``cuda``; one that says more, or another kind, as it is."""
        kind = str(self._target.kind)
        if asked is None or (isinstance(asked, str) and asked in (*_THE_GPU, kind)):
            if asked not in (None, "auto", kind):
                self.note(f"a kernel is meant for {asked}, and was lowered for {kind}")
            return self._target
        if isinstance(asked, Mapping):
            plain = set(asked) == {"kind"} and asked["kind"] in (*_THE_GPU, kind)
            return self._target if plain else original()
        return original()

    def _replace_target_choice(self) -> None:
        for module in list(sys.modules.values()):
            original = module.__dict__.get("determine_target") if is_tilelang(module) else None
            if callable(original) and original.__module__ == module.__name__:
                replace_everywhere(original, self._chooser(original))

    def _chooser(self, original: Any) -> Any:
        def determine_target(target: Any = "auto", return_object: bool = False) -> Any:
            chosen = self._choose(target, lambda: original(target, return_object=return_object))
            if chosen is self._target and not return_object:
                return str(chosen)
            return chosen

        return determine_target

    def _pin_plain_targets(self) -> None:
        """``Target("cuda")`` looks for a GPU, to take its architecture."""
        kind: Any = self._tvm.target.Target
        original, options = kind.__init__, self._options

        def construct(own: Any, target: Any, *args: Any, **kwargs: Any) -> None:
            named = target.get("kind") if isinstance(target, Mapping) and len(target) == 1 else target
            plain = isinstance(named, str) and named == options["kind"]
            original(own, options if plain else target, *args, **kwargs)

        kind.__init__ = construct


def function_of(func_or_mod: Any) -> Any:
    """The PrimFunc that ``tilelang.lower`` was given, or the first one of the module that it was given."""
    return func_or_mod if hasattr(func_or_mod, "buffer_map") else next(iter(func_or_mod.functions.values()))


def configs_of(kernel: Any) -> dict[str, Any]:
    """The pass configs a ``JITKernel`` is compiled with, its own compile flags among them."""
    configs = {str(getattr(key, "value", key)): value for key, value in dict(kernel.pass_configs or {}).items()}
    flags = getattr(kernel, "compile_flags", None)
    if flags:
        own = configs.get("tl.device_compile_flags") or []
        own = [own] if isinstance(own, str) else list(own)
        configs["tl.device_compile_flags"] = [*own, *([flags] if isinstance(flags, str) else flags)]
    return configs


def _excess(artifact: Any) -> str:
    """Why the kernel would not launch on the device; empty where it would."""
    module = getattr(artifact, "device_mod", None)
    most = torch.cuda.get_device_properties(0).shared_memory_per_block_optin
    for function in module.functions.values() if module is not None else ():
        used = dict(function.attrs or {}).get("dyn_shared_memory_buf")
        if used is not None and int(used) > most:
            return f"needs {int(used):,} bytes of shared memory a block, of {most:,}"
    return ""
