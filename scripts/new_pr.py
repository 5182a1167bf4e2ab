#!/usr/bin/env python3
"""Start a pull request to TileLang: ``scripts/new_pr.py docs-fix``. Works in a fresh clone of the kit.

It is the verb ``new-pr``. Where the interpreter has not what the kit needs, the kit is installed into a virtual
environment of its own (``.venv-kit`` beside this folder, once), and the script goes on there.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-kit"
_NEEDED = ("git", "jinja2", "msgspec", "tomlkit", "filelock", "packaging")


def main() -> int:
    # Beside the kit, where its nox sessions keep theirs, wherever this is typed.
    os.environ.setdefault("SCAFFOLD_WORKSPACE", str(ROOT / "workspace"))
    sys.path.insert(0, str(ROOT))
    if not all(_has(name) for name in _NEEDED):
        return _in_own_environment()
    from scaffold.cli.main import main as run

    return run(["new-pr", *sys.argv[1:]])


def _has(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


def _in_own_environment() -> int:
    """Run this script with the kit's own interpreter, made first where it is not there yet."""
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = ENVIRONMENT / "ready"
    if not ready.exists():
        sys.stderr.write(f"installing what the kit needs into {ENVIRONMENT.name}, once ...\n")
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        # What pip says beside errors is of no use here: warnings of a cache it may not write to, or of a newer pip.
        install = [str(python), "-m", "scaffold.locked_pip", "-e", "."]
        done = subprocess.run(
            install,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            sys.stderr.write(done.stdout)
            return 3
        ready.touch()
    if Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        sys.stderr.write(f"error[environment]: {ENVIRONMENT.name} is damaged\nhint: rm -r {ENVIRONMENT}\n")
        return 3
    # The interpreter that started this lacks what the next verb needs too: that one is typed as it will run.
    command = shlex.join(
        [os.path.relpath(python) if python.is_relative_to(Path.cwd()) else str(python), "-m", "scaffold"]
    )
    environment = {**os.environ, "SCAFFOLD_COMMAND": command}
    return subprocess.run([python, __file__, *sys.argv[1:]], env=environment, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted: nothing was changed\n")
        sys.exit(130)
