"""Runs inside a TileLang build: lower one kernel again and again, plainly and recorded, in turn; print JSON.

``python in_build.py KERNEL TARGET_JSON ROUNDS``; started by ``capture_overhead.py``.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scaffold" / "probe"))
import start  # type: ignore[import-not-found]

sys.path.pop(0)
start._register_package()


def main() -> None:
    import tilelang
    import tvm

    from scaffold.probe.recorder import Recorder, copy_module, instrument
    from scaffold.probe.spool import SpoolWriter

    name, target_json, rounds = sys.argv[1:]
    target = tvm.target.Target(json.loads(target_json))
    function = importlib.import_module(f"scaffold.kernels.zoo.{name}").KERNEL.build()

    def plain() -> float:
        begun = time.perf_counter()
        with tvm.transform.PassContext(opt_level=3), target:
            tilelang.lower(function, target=target)
        return time.perf_counter() - begun

    def recorded() -> float:
        with tempfile.NamedTemporaryFile() as file, SpoolWriter(file.name) as spool:
            begun = time.perf_counter()
            recorder = Recorder(spool, copy=copy_module)
            with tvm.transform.PassContext(opt_level=3, instruments=[instrument(recorder)]), target:
                artifact = tilelang.lower(function, target=target)
            recorder.module(artifact.host_mod)
            recorder.module(artifact.device_mod)
            recorder.close()
            return time.perf_counter() - begun

    plain()
    recorded()
    samples: dict[str, list[float]] = {"plain": [], "recorded": []}
    for _ in range(int(rounds)):
        samples["plain"].append(plain())
        samples["recorded"].append(recorded())
    print(json.dumps(samples))


if __name__ == "__main__":
    main()
