"""A small Dask cluster on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent


def on_a_cluster(test: Any) -> Any:
    """Dask opens connections on this machine, and warns of what is none of ours."""
    return pytest.mark.network(pytest.mark.filterwarnings("default")(test))


def start_cluster() -> Iterator[Any]:
    """Two worker processes of one thread each, which find the kit and its tests, and no GPU."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: the extra 'cluster'")
    places = [str(TESTS.parent), str(TESTS), str(TESTS / "corpus"), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(places))
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        patch.setenv("HIP_VISIBLE_DEVICES", "")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as made:
            yield made
