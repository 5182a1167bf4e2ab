#!/usr/bin/env python3
"""Make again what the README and the docs show, from real runs: ``nox -s docs``.

Terminal output goes between ``<!-- output: ARGUMENTS -->`` and ``<!-- end -->`` of README.md; pictures go to docs/img;
the table of kernels and targets to docs/kernels.md; the schemas beside their models.
``--only readme|pictures|kernels|schemas`` makes one part.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scaffold.builds.build import Build  # noqa: E402
from scaffold.builds.capture import CaptureOptions, capture  # noqa: E402 - found by the line above
from scaffold.builds.store import BuildStore  # noqa: E402
from scaffold.builds.workspace import Workspace  # noqa: E402
from scaffold.errors import ScaffoldError, UnsupportedTargetError  # noqa: E402
from scaffold.kernels.catalog import load_zoo_kernel, zoo_names  # noqa: E402
from scaffold.kernels.resolve import resolve  # noqa: E402
from scaffold.kernels.spec import Settings  # noqa: E402
from scaffold.progress import Progress  # noqa: E402
from scaffold.report.schemas import PUBLISHED_SCHEMAS  # noqa: E402
from scaffold.report.verdict import stopped_in  # noqa: E402
from scaffold.trace.json_schema import breaking_changes  # noqa: E402

PARTS = ("schemas", "readme", "pictures", "kernels")
TARGETS = ("cuda:sm_80", "cuda:sm_90a", "cuda:sm_100a", "hip:gfx942", "metal", "c")
COMPARISON = ("gemm", "--target", "cuda:sm_80", "--baseline", "num_stages=2", "--candidate", "num_stages=3")
_BLOCK = re.compile(r"<!-- output: (?P<arguments>[^\n]*) -->\n.*?<!-- end -->", re.DOTALL)
_CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    chosen = parser.parse_args().only
    for part in (chosen,) if chosen else PARTS:
        sys.stderr.write(f"making {part}\n")
        globals()[f"make_{part}"]()
    return 0


def make_schemas() -> None:
    for path, make in PUBLISHED_SCHEMAS.items():
        schema = make()
        file = ROOT / "scaffold" / path
        if breaking := breaking_changes(json.loads(file.read_text(encoding="utf-8")), schema):
            sys.exit(f"error: {path} breaks readers of its version; raise its schema version: {'; '.join(breaking)}")
        file.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def make_readme() -> None:
    path = ROOT / "README.md"
    path.write_text(_BLOCK.sub(_run_block, path.read_text(encoding="utf-8")), encoding="utf-8")


def _run_block(match: re.Match[str]) -> str:
    """One command of the README with its output; a ``| head -N`` behind it is done here, and shown as dots."""
    arguments, _, head = match["arguments"].partition(" | head -")
    done = scaffold(*arguments.split())
    lines = done.stdout.rstrip().splitlines()
    if head:
        lines = [*lines[: int(head)], "…", *lines[-2:]] if len(lines) > int(head) else lines
    body = "\n".join(line.rstrip() for line in lines)
    return f"<!-- output: {match['arguments']} -->\n```\n$ python -m scaffold {arguments}\n{body}\n```\n<!-- end -->"


def scaffold(*arguments: str) -> subprocess.CompletedProcess[str]:
    import os

    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    environment.pop("NOX_CURRENT_SESSION", None)  # the README shows the commands as they are without nox
    return subprocess.run(
        [sys.executable, "-m", "scaffold", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )


def make_pictures() -> None:
    """The picture of a comparison, and the HTML report in a browser where there is one."""
    images = ROOT / "docs" / "img"
    images.mkdir(exist_ok=True)
    scaffold("tir-diff", *COMPARISON, "-o", str(images / "verdict.png"))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.stderr.write("no chromium: docs/img/report.png is left as it is\n")
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_path = Path(folder) / "report.html"
        scaffold("tir-diff", *COMPARISON, "-o", str(page_path))
        chromium = playwright.chromium.launch(executable_path=browser, args=_CHROMIUM_FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 860})
        page.goto(page_path.as_uri())
        page.wait_for_selector("main")
        page.wait_for_timeout(500)
        page.screenshot(path=str(images / "report.png"))
        chromium.close()


def make_kernels() -> None:
    """Lower every zoo kernel for every target with the newest release, and write down what came of it."""
    workspace = Workspace.at(None)
    build = BuildStore(workspace, Progress()).get("wheel:latest")
    rows, notes = [], []
    for name in zoo_names():
        cells = []
        for target in TARGETS:
            mark, note = _lower(name, target, build, workspace)
            cells.append(mark)
            if note:
                notes.append(f"- `{name}` for `{target}`: {note}")
        rows.append(
            f"| `{name}` | {load_zoo_kernel(name).summary.replace('|', chr(92) + '|')} | " + " | ".join(cells) + " |"
        )
    head = "| kernel | computes | " + " | ".join(f"`{target}`" for target in TARGETS) + " |"
    text = "\n".join(
        [
            "# The kernel zoo, target by target",
            "",
            f"Made by `nox -s docs` with TileLang {build.name.partition(':')[2]}: every kernel lowered with its",
            "default parameters, the generated source included. *yes* with the number of passes, or *no* with the",
            "reason below.",
            "",
            head,
            "|" + "---|" * (len(TARGETS) + 2),
            *rows,
            "",
            "## Why not",
            "",
            *notes,
            "",
        ]
    )
    (ROOT / "docs" / "kernels.md").write_text(text, encoding="utf-8")


def _lower(name: str, target: str, build: Build, workspace: Workspace) -> tuple[str, str]:
    try:
        request = resolve(name, Settings(target=target), default_target=target)
        file = capture(
            request,
            build,
            workspace=workspace,
            progress=Progress(),
            argv=("docs",),
            options=CaptureOptions(machine_code=False),
        )
    except UnsupportedTargetError as error:
        return "no", error.message.partition(": ")[2]
    except ScaffoldError as error:
        return "no", error.message
    if file.trace.failure is not None:
        failure = file.trace.failure
        return "no", f"lowering stops {stopped_in(failure)}: {failure.message.splitlines()[-1][:200]}"
    return f"yes, {len(file.trace.passes)}", ""


if __name__ == "__main__":
    sys.exit(main())
