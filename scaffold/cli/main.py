"""The command line: find the verb, run it, turn what it raises into a message and an exit code.

Imports only the standard library until a verb is chosen, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from scaffold.errors import ExitCode, ScaffoldError, UsageError

#: Verb -> the module that runs it, and what ``--help`` says of it.
VERBS = {
    "setup": ("scaffold.cli.setup", "get TileLang's source, build it, prove it, and say what to type next"),
    "tir-diff": ("scaffold.cli.tir_diff", "show what each pass did to a kernel, or where two settings part"),
    "tir-dump": ("scaffold.cli.tir_dump", "write the module after every pass as numbered files, for grep"),
    "kernels": ("scaffold.cli.kernels", "list the kernel zoo, or show one kernel"),
    "passes": ("scaffold.cli.passes", "say where each pass is: source line, wrapper, pipelines, tests, docs"),
    "examples": ("scaffold.cli.examples", "run upstream's examples and their tests on the GPUs there are"),
    "bench": ("scaffold.cli.bench", "time kernels beside PyTorch, or on two sides: faster, slower, same, or not known"),
    "profile": ("scaffold.cli.profile", "the key metrics of a kernel by the vendor's profiler, on one side or two"),
    "explain": ("scaffold.cli.explain", "one kernel on two sides: the pass, the code, the metrics, the time, joined"),
    "new-pr": ("scaffold.cli.new_pr", "start a pull request: a branch in your checkout with the skeleton of its kind"),
    "evidence": ("scaffold.cli.evidence", "run what a pull request needs on both sides, and fill its description"),
    "preflight": ("scaffold.cli.preflight", "check your branch as upstream's CI and reviewers will"),
    "open-pr": ("scaffold.cli.open_pr", "show the pull request as it would be; --push opens a draft of it"),
    "doctor": ("scaffold.cli.doctor", "say what this machine has and lacks, and the command that mends it"),
    "builds": ("scaffold.cli.builds", "list the TileLang builds of this workspace, add, show or remove some"),
    "bundle": ("scaffold.cli.bundle", "make one file that sets the kit up on a machine without a network"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code means what ``docs/exit-codes.md`` says."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, _interrupt)
    _mend_streams()
    try:
        return _run(arguments)
    except ScaffoldError as error:
        print(format_error(error), file=sys.stderr)  # noqa: T201 - the one place where errors reach the user
        if os.environ.get("SCAFFOLD_DEBUG"):
            traceback.print_exc()
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("\ninterrupted: what was finished is kept, the rest is made anew next time", file=sys.stderr)  # noqa: T201
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            return _bug(error)
        print(f"error[output]: cannot write: {error.strerror}", file=sys.stderr)  # noqa: T201
        print("hint: make room, or write elsewhere with -o FILE or --workspace DIR", file=sys.stderr)  # noqa: T201
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return int(ExitCode.ENVIRONMENT)
    except Exception as error:  # noqa: BLE001 - the process boundary
        return _bug(error)


def _bug(error: Exception) -> int:
    """Say that it is our fault, with what is needed to mend it."""
    traceback.print_exc()
    print(f"error[bug]: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
    print("hint: this is a fault of the kit; please report it with the lines above", file=sys.stderr)  # noqa: T201
    return int(ExitCode.BUG)


def _mend_streams() -> None:
    """Be able to print at all: a closed stream gives way to nothing, a narrow encoding loses signs and not the run."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for the whole process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _run(arguments: list[str]) -> int:
    parser = _parser()
    if not arguments:
        parser.print_help()
        return int(ExitCode.USAGE)
    if arguments[0] in ("-h", "--help"):
        parser.print_help()
        return int(ExitCode.OK)
    verb = arguments[0]
    if verb not in VERBS:
        import difflib

        near = difflib.get_close_matches(verb, VERBS, n=1, cutoff=0.4)
        raise UsageError(
            f"unknown verb {verb!r}", hint=f"did you mean {near[0]}?" if near else f"the verbs are: {', '.join(VERBS)}"
        )
    module = importlib.import_module(VERBS[verb][0])
    code: int = module.run(arguments[1:])
    return code


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS)) + 2
    verbs = "\n".join(f"  {name:{width}}{summary}" for name, (_, summary) in VERBS.items())
    return argparse.ArgumentParser(
        prog="scaffold",
        usage="scaffold VERB [...]",
        description="The TileLang contribution starter kit.",
        epilog=f"verbs:\n{verbs}\n\nexample: scaffold tir-diff gemm\nhelp on a verb: scaffold VERB --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


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
