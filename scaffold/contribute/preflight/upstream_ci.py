"""What upstream's own files say of its CI."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_CI = ".github/workflows/ci.yml"
#: Of 2026-08, for a checkout that has neither file.
_OLDEST = (3, 10)
_VERSION = re.compile(r"(\d+)\.(\d+)")


def oldest_python(root: Path) -> tuple[int, int]:
    """The Python with which CI compiles the package, else the oldest that ``pyproject.toml`` names."""
    for job in _jobs(root):
        steps = [step for step in job.get("steps") or () if isinstance(step, Mapping)]
        if any("compileall" in str(step.get("run", "")) for step in steps):
            for step in steps:
                settings = step.get("with")
                said = str(settings.get("python-version", "")) if isinstance(settings, Mapping) else ""
                if match := re.fullmatch(_VERSION, said):
                    return int(match[1]), int(match[2])
    try:
        text = (root / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _OLDEST
    line = re.search(r"^requires-python\s*=\s*[\"'].*?>=\s*(\d+)\.(\d+)", text, re.MULTILINE)
    return (int(line[1]), int(line[2])) if line else _OLDEST


def _jobs(root: Path) -> Iterator[Mapping[str, Any]]:
    try:
        document = yaml.safe_load((root / _CI).read_text(encoding="utf-8", errors="replace"))
    except (OSError, yaml.YAMLError):
        return
    jobs = document.get("jobs") if isinstance(document, dict) else None
    yield from (job for job in (jobs or {}).values() if isinstance(job, dict))
