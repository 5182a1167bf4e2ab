"""Install with pip at the locked versions: ``python -m scaffold.locked_pip -e .``.

``constraints.txt`` is the lock: one version of everything the kit and its builds install, for every supported Python.
``SCAFFOLD_CONSTRAINTS`` names another file, or ``none``. What cannot be installed at its locked version, on a platform
without a wheel of it for instance, is named and installed within the range of whoever requires it.

Standard library only: it runs before the kit is installed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

VARIABLE = "SCAFFOLD_CONSTRAINTS"
_PACKAGE = Path(__file__).resolve().parent

#: Runs pip with arguments and variables; its exit code, and the end of what it printed.
RunPip = Callable[[Sequence[str], Mapping[str, str]], tuple[int, str]]

#: pip says ``The user requested (constraint) NAME==VERSION`` of one that conflicts, else names it in an error.
#: Source: pip 23.2 and 26.2, tried.
_CONSTRAINT = "(constraint)"
_ERROR = re.compile(r"\s*(ERROR|error|× Failed|╰─> )")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
#: A lock does not help against these.
_NOT_OF_A_VERSION = ("No space left on device", "[Errno 28]", "NewConnectionError", "Max retries", "name resolution")


def constraints_file() -> Path | None:
    """The lock in force; ``None`` where ``SCAFFOLD_CONSTRAINTS`` is ``none`` or there is no lock."""
    named = os.environ.get(VARIABLE)
    if named:
        return None if named == "none" else Path(named)
    places = (_PACKAGE / "data" / "constraints.txt", _PACKAGE.parent / "constraints.txt")
    return next((path for path in places if path.is_file()), None)


def read_pins(path: Path | None) -> list[str]:
    """Its lines, ``name==version`` with a marker perhaps; none without a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path else []
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def canonical_name(text: str) -> str:
    """The project that a requirement or a pin begins with, as package indexes spell it."""
    match = _NAME.match(text.strip())
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def install_locked(
    run_pip: RunPip, arguments: Sequence[str], pins: Sequence[str], report: Callable[[str], None]
) -> int:
    """Run ``pip install`` with ``pins`` as constraints, without those that pip cannot meet; pip's last exit code."""
    kept = list(pins)
    while True:
        code, output = _install(run_pip, arguments, kept, fallback=len(kept) < len(pins))
        if code == 0 or not kept or any(sign in output for sign in _NOT_OF_A_VERSION):
            return code
        unmet = _blamed(output, kept)
        kept = [pin for pin in kept if canonical_name(pin) not in unmet] if unmet else []
        what = ", ".join(sorted(unmet)) or "what is asked for"
        report(f"pip cannot install {what} at the locked version; trying the range that is required")


def _install(run_pip: RunPip, arguments: Sequence[str], pins: Sequence[str], *, fallback: bool) -> tuple[int, str]:
    # An older version with a wheel beats a newer one to compile.
    options = ["--prefer-binary"] if fallback else []
    if not pins:
        return run_pip(["install", *options, *arguments], {})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "constraints.txt"
        file.write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
        # Build backends are installed apart; pip before 25.3 does not know the variable, and splits it at blanks.
        env = {} if " " in folder else {"PIP_BUILD_CONSTRAINT": str(file)}
        return run_pip(["install", "--constraint", str(file), *options, *arguments], env)


def _blamed(output: str, pins: Sequence[str]) -> set[str]:
    """Names of ``pins`` that pip's errors name."""
    lines = output.splitlines()
    blaming = [line for line in lines if _CONSTRAINT in line] or [line for line in lines if _ERROR.match(line)]
    named = {canonical_name(word) for line in blaming for word in _NAME.findall(line)}
    return named & set(map(canonical_name, pins))


def main(arguments: Sequence[str]) -> int:
    """Install into the interpreter that runs this; pip's output is shown where it fails."""
    last = ""

    def run_pip(words: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
        nonlocal last
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **env},
            check=False,
        )
        last = done.stdout
        return done.returncode, done.stdout

    try:
        pins = read_pins(constraints_file())
    except OSError as error:
        sys.stderr.write(f"error[environment]: cannot read the file that {VARIABLE} names: {error}\n")
        return 3
    code = install_locked(run_pip, ["--quiet", *arguments], pins, _report)
    if code != 0:
        sys.stderr.write(last)
        again = shlex.join([sys.executable, "-m", "pip", "install", *arguments])
        sys.stderr.write(f"error[environment]: pip cannot install {' '.join(arguments)}\nhint: {again}\n")
        return 3
    return 0


def _report(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
