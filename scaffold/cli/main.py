"""The command line: find the verb, run it, turn what it raises into a message and an exit code.

Imports only the standard library until a verb is chosen, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from scaffold.errors import ExitCode, ScaffoldError

#: Verb -> the module that runs it, and what ``--help`` says of it.
VERBS = {
    "tir-diff": ("scaffold.cli.tir_diff", "show what each pass did to a kernel, or where two settings part"),
    "tir-dump": ("scaffold.cli.tir_dump", "write the module after every pass as numbered files, for grep"),
    "kernels": ("scaffold.cli.kernels", "list the kernel zoo, or show one kernel"),
    "builds": ("scaffold.cli.builds", "list the TileLang builds of this workspace, or add one"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code means what ``docs/exit-codes.md`` says."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(arguments)
    except ScaffoldError as error:
        print(format_error(error), file=sys.stderr)  # noqa: T201 - the one place where errors reach the user
        if os.environ.get("SCAFFOLD_DEBUG"):
            traceback.print_exc()
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was left half-written", file=sys.stderr)  # noqa: T201
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - the process boundary
        traceback.print_exc()
        print(f"error[bug]: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        print("hint: this is a fault of the kit; please report it with the lines above", file=sys.stderr)  # noqa: T201
        return int(ExitCode.BUG)


def _run(arguments: list[str]) -> int:
    parser = _parser()
    if not arguments:
        parser.print_help()
        return int(ExitCode.USAGE)
    namespace = parser.parse_args(arguments[:1])
    module = importlib.import_module(VERBS[namespace.verb][0])
    code: int = module.run(arguments[1:])
    return code


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS)) + 2
    verbs = "\n".join(f"  {name:{width}}{summary}" for name, (_, summary) in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="scaffold",
        usage="scaffold VERB [...]",
        description="The TileLang contribution starter kit.",
        epilog=f"verbs:\n{verbs}\n\nexample: scaffold tir-diff gemm\nhelp on a verb: scaffold VERB --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help=argparse.SUPPRESS)
    return parser


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def format_error(error: ScaffoldError) -> str:
    """``error[code]: message``, its facts, and the hint."""
    lines = [f"error[{error.code}]: {error.message}"]
    for key, value in error.context.items():
        if text := str(value).strip("\n"):
            lines += (
                [f"  {key}: {text}"]
                if "\n" not in text
                else [f"  {key}:", *(f"    {line}" for line in text.splitlines())]
            )
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)
