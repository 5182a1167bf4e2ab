"""TileLang's entrance to the compiler, watched: what a script compiles is recorded, then compiled and run as it is.

The recording is a lowering of its own, made before the script's: what the script gets is what it would have got.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scaffold.probe.capture import normal_pass_configs

#: ``record(prim_func, target, pass_configs, parameters, name)`` lowers and records.
Record = Callable[[Any, Any, Mapping[str, Any], Mapping[str, Any], str], Any]


class Watch:
    """Records through ``record`` what a script compiles; ``pass_configs`` are added to its own, and take effect."""

    def __init__(self, tilelang: Any, tvm: Any, pass_configs: Mapping[str, str], *, record: Record) -> None:
        self._tilelang, self._tvm = tilelang, tvm
        self._configs = normal_pass_configs({}, dict(pass_configs))
        self._record = record
        self._lock = threading.RLock()
        self._inside = threading.local()
        self._process = os.getpid()
        self.notes: dict[str, None] = {}
        from scaffold.probe.standin.makers import Makers

        self._makers = Makers()

    def note(self, text: str) -> None:
        """Something worth telling at the end, once."""
        self.notes[text] = None

    @property
    def is_in_order(self) -> bool:
        """Whether what is compiled now would be compiled at the same point in any run."""
        return threading.current_thread() is threading.main_thread()

    def install(self) -> None:
        from tilelang.jit.kernel import JITKernel

        from scaffold.probe.standin.compiler import configs_of, function_of
        from scaffold.probe.standin.replacing import put, replace_everywhere

        watch = self
        compile_step = JITKernel._compile_and_create_adapter
        lower = self._tilelang.lower

        def compile_watched(kernel: Any, prim_func: Any, out_idx: Any) -> Any:
            kernel.pass_configs = {**(kernel.pass_configs or {}), **watch._configs}
            watch._see(prim_func, kernel.target, configs_of(kernel))
            with watch._compiling():
                return compile_step(kernel, prim_func, out_idx)

        def lower_watched(func_or_mod: Any, target: Any = None, *args: Any, **options: Any) -> Any:
            if getattr(watch._inside, "compiles", False):
                return lower(func_or_mod, target, *args, **options)
            with watch._with_configs() as configs:
                watch._see(function_of(func_or_mod), watch._chosen(target), configs)
                with watch._compiling():
                    return lower(func_or_mod, target, *args, **options)

        put(JITKernel, "_compile_and_create_adapter", compile_watched)
        self._makers.watch()
        replace_everywhere(lower, lower_watched)

    def _see(self, prim_func: Any, target: Any, configs: Mapping[str, Any]) -> None:
        """Record a kernel; whatever comes of that, the script goes on with its own compilation."""
        name, parameters = self._makers.who_made(prim_func)
        with self._lock, self._compiling():
            self._record(prim_func, target, configs, parameters, name)

    @contextmanager
    def _compiling(self) -> Iterator[None]:
        """What is lowered meanwhile in this thread is part of one compilation."""
        outer, self._inside.compiles = getattr(self._inside, "compiles", False), True
        try:
            yield
        finally:
            self._inside.compiles = outer

    @contextmanager
    def _with_configs(self) -> Iterator[dict[str, Any]]:
        """Lower with the script's pass configs, and with ours on top where there are any."""
        kind = self._tvm.transform.PassContext
        context = kind.current()
        configs = {**dict(context.config), **self._configs}
        if not self._configs:
            yield configs
            return
        with kind(opt_level=context.opt_level, config=configs):
            yield configs

    def _chosen(self, target: Any) -> Any:
        """The target that ``tilelang.lower`` would take."""
        if isinstance(target, self._tvm.target.Target):
            return target
        return _target_chooser()("auto" if target is None else target, return_object=True)


def _target_chooser() -> Callable[..., Any]:
    """Where a release keeps ``determine_target``: it moved in 0.1.13."""
    try:
        from tilelang.backend.target import determine_target
    except ImportError:
        from tilelang.utils.target import determine_target
    chooser: Callable[..., Any] = determine_target
    return chooser
