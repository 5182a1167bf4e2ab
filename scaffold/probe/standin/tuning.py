"""Autotuning without a GPU: the first configuration that can be built, in place of the fastest."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from scaffold.probe.standin.measuring import LATENCY_MS
from scaffold.probe.standin.replacing import put

#: Configurations tried of an autotuned kernel until one is built.
_MOST_CONFIGS = 8


class Tuning:
    """Takes ``AutoTuner.run``; ``note`` takes down what was reduced to how much."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        #: Whether a configuration is being built: one that cannot be is no news then.
        self.trying = False

    def install(self) -> None:
        module = sys.modules.get("tilelang.autotuner.tuner") or sys.modules.get("tilelang.autotuner")
        tuner = getattr(module, "AutoTuner", None)
        if tuner is None:
            return
        self._result = getattr(module, "AutotuneResult", None) or sys.modules["tilelang.autotuner.param"].AutotuneResult
        # How a tuner calls the pass configs of one configuration when it builds it; releases before 0.1.13 do not.
        self._pass_configs_key = getattr(module, "_PASS_CONFIGS_KEY", "pass_configs")
        # From 0.1.9 on a function that makes configurations gets the kernel's arguments, before that tuples of them.
        self._spreads = "kernel_kwargs" in inspect.getsource(tuner.run)
        tuning = self

        def run(tuner: Any, *_: Any, **__: Any) -> Any:
            return tuning._run(tuner)

        put(tuner, "run", run)

    def _run(self, tuner: Any) -> Any:
        configs = self._configurations(tuner)
        make = _maker(tuner)
        if configs and any(name in _given_names(tuner) for name in configs[0]):
            # Given by the caller: there is nothing to tune.
            configs = [{}]
        failed: Exception | None = None
        outer, self.trying = self.trying, True
        try:
            for config in configs[:_MOST_CONFIGS] or [{}]:
                try:
                    kernel = make(**self._for_building(config))
                except Exception as error:  # noqa: BLE001 - one that does not fit is no news in tuning
                    failed = error
                    continue
                return self._tuned(kernel, config, len(configs))
        finally:
            self.trying = outer
        tried = min(len(configs), _MOST_CONFIGS)
        raise RuntimeError(f"none of {tried} configurations tried could be built: {failed}") from failed

    def _tuned(self, kernel: Any, config: dict[str, Any], count: int) -> Any:
        if hasattr(kernel, "update_tuner_result"):
            kernel.update_tuner_result(latency=LATENCY_MS, config=dict(config), ref_latency=LATENCY_MS)
        if count > 1:
            self._note(f"autotuning reduced to the first of {count} configurations that is built")
        return self._result(
            latency=LATENCY_MS,
            config=dict(config),
            ref_latency=LATENCY_MS,
            libcode="",
            func=kernel.prim_func,
            kernel=kernel,
        )

    def _for_building(self, config: dict[str, Any]) -> dict[str, Any]:
        return {self._pass_configs_key if key == "pass_configs" else key: value for key, value in config.items()}

    def _configurations(self, tuner: Any) -> list[dict[str, Any]]:
        configs = tuner.configs
        if callable(configs):
            args, kwargs = tuner._kernel_parameters or ((), ())
            configs = configs(*args, **dict(kwargs)) if self._spreads else configs(args, kwargs)
        return list(configs or [])


def _maker(tuner: Any) -> Callable[..., Any]:
    """What builds one configuration: the decorator's own way, or that of a tuner made of a function."""
    make: Callable[..., Any] | None = tuner.jit_compile or getattr(tuner, "_default_compile", None)

    def plainly(**config: Any) -> Any:
        return tuner.compile_args.compile_program(tuner.fn(**config))

    return make or plainly


def _given_names(tuner: Any) -> set[str]:
    """Names of the parameters the caller gave."""
    parameters = getattr(tuner, "_kernel_parameters", None)
    if parameters is None:
        return set()
    positional, named = parameters
    names = list(getattr(tuner, "_function_parameters", None) or {})
    return {*names[: len(positional)], *(str(item[0]) for item in named if isinstance(item, tuple) and item)}
