"""Many examples: every result is kept as it comes, and one that the kit fails at does not end the others."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from exampletrees import HOPPER, examples_of, job_of, make_tree

from scaffold.corpus.examples import campaign as campaign_module
from scaffold.corpus.examples.campaign import run_all
from scaffold.corpus.examples.model import ExampleJob, ExampleResult, Outcome
from scaffold.corpus.examples.record import Campaign, make_folder
from scaffold.corpus.pool import open_pool
from scaffold.errors import EnvironmentProblem, TaskLostError
from scaffold.progress import Progress

TREE = {f"topic/{name}.py": "print()\n" for name in ("a_fine", "b_odd", "c_fine")}


def passes(job: ExampleJob, lower: Any = None) -> ExampleResult:
    path = job.example.path
    return ExampleResult(path, "script", "topic", (Outcome(path, "", "passed", 1.0),), 1.0, HOPPER.name, log="said")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(tmp_path: Path, task: Any, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> Campaign:
    monkeypatch.setattr(campaign_module, "run_example", task)
    tree = make_tree(tmp_path / "tree", TREE)
    jobs = [job_of(example, tree, tmp_path) for _, example in sorted(examples_of(tree).items())]
    folder = make_folder(tmp_path / "runs")
    campaign = Campaign("wheel:1", str(tree), "1", "examples of 1", len(jobs), folder, "now")
    with open_pool(1) as pool:
        run_all(campaign, jobs, pool, progress=Progress(stream=stream))
    return campaign


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TaskLostError("lost: the worker it ran on died"), "lost: the worker it ran on died"),
        (ValueError("no room"), "the kit failed at it: ValueError('no room')"),
    ],
)
def test_one_that_is_lost_does_not_end_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def task(job: ExampleJob, lower: Any) -> ExampleResult:
        if "odd" in job.example.path:
            raise error
        return passes(job)

    stream = io.StringIO()
    campaign = run(tmp_path, task, monkeypatch, stream)
    assert [result.outcomes[0].status for result in campaign.results] == ["passed", "lost", "passed"]
    assert campaign.results[1].outcomes[0].reason == reason
    assert f"2/3 topic/b_odd.py: 1 lost ({reason})" in stream.getvalue().splitlines()
    kept = json.loads((campaign.folder / "results.json").read_text())
    assert kept["totals"] == {"passed": 2, "lost": 1}
    assert (campaign.folder / "topic-a_fine.py.log").read_text() == "said"


def test_a_build_that_cannot_be_used_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def task(job: ExampleJob, lower: Any) -> ExampleResult:
        done.append(job)
        raise EnvironmentProblem("TileLang does not import")

    with pytest.raises(EnvironmentProblem, match="does not import"):
        run(tmp_path, task, monkeypatch, io.StringIO())
    assert len(done) < len(TREE)


def test_a_terminal_shows_what_runs_and_keeps_what_went_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    def task(job: ExampleJob, lower: Any) -> ExampleResult:
        import time

        time.sleep(0.6)
        if "odd" in job.example.path:
            raise ValueError("no room")
        return passes(job)

    stream = Terminal()
    run(tmp_path, task, monkeypatch, stream)
    seen = [line.strip() for line in stream.getvalue().replace("\n", "\r").split("\r") if line.strip()]
    assert "0/3 topic/a_fine.py 0 s" in seen
    assert "2/3 topic/b_odd.py: 1 lost (the kit failed at it: ValueError('no room'))" in seen
    assert not any(line.startswith("1/3 topic/a_fine.py: 1 passed") for line in seen), "it leaves the screen"
    assert all(len(line) < 60 for line in seen if "lost" not in line)


def test_the_oldest_runs_go(tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"2025{number:02}").mkdir()
    made = make_folder(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 20
    assert made.name in left
    assert left[0] == "202506"
