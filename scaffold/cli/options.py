"""Flags that mean the same on every verb."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from scaffold.errors import ExitCode, OutputFolderError, UsageError
from scaffold.progress import Progress

Format = Literal["terminal", "html", "markdown", "json", "png"]
FORMATS: tuple[Format, ...] = ("terminal", "html", "markdown", "json", "png")
_BY_HAND = "python -m scaffold"
#: A verb in a sentence or a command, and whether words for it follow.
_VERB = re.compile(_BY_HAND + r" ([a-z-]+)(?=( (?!&&))?)")
_BY_SUFFIX: dict[str, Format] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".json": "json",
    ".png": "png",
    ".txt": "terminal",
}


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises our errors and takes no abbreviations."""

    def __init__(self, verb: str, description: str, *, example: str) -> None:
        super().__init__(
            prog=f"scaffold {verb}",
            description=description,
            epilog=f"example: scaffold {example}",
            allow_abbrev=False,
        )
        self.verb = verb

    def given(self, namespace: argparse.Namespace, leave_out: Collection[str]) -> list[str]:
        """The options that were given, as words of a command line, but for those called ``leave_out``."""
        words: list[str] = []
        for action in self._actions:
            value = getattr(namespace, action.dest, action.default)
            if not action.option_strings or action.dest in leave_out or value == action.default:
                continue
            flag = action.option_strings[-1]
            if action.nargs == 0:
                words.append(flag)
                continue
            for text in value if isinstance(value, list) else [value]:
                shown = f"{text:g}" if isinstance(text, float) else str(text)
                words += [f"{flag}={shown}"] if shown.startswith("-") else [flag, shown]
        return words

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see: scaffold {self.verb} --help")


@dataclass(frozen=True)
class Output:
    """Where the result goes, and in what form."""

    format: Format
    path: Path | None
    color: str
    width: int | None


def add_common(parser: argparse.ArgumentParser) -> None:
    """``-q -v --workspace``: every verb has them."""
    group = parser.add_argument_group("always there")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr but errors")
    group.add_argument("-v", "--verbose", action="store_true", help="echo the commands that are run")
    group.add_argument("--workspace", metavar="DIR", help="where builds and traces are kept (default: workspace)")


def add_output(parser: argparse.ArgumentParser, formats: Sequence[str] = FORMATS) -> None:
    """``--format --json -o --color``."""
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=formats, help="default: terminal, or by the suffix of -o")
    group.add_argument("--json", action="store_true", help="short for --format json")
    group.add_argument("-o", "--output", metavar="FILE", help="write there instead of stdout")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto")


def add_kernel(parser: argparse.ArgumentParser) -> None:
    """``--set --target --build --torch --timeout --no-machine-code``: verbs that compile."""
    group = parser.add_argument_group("what is compiled")
    group.add_argument(
        "--set",
        metavar="K=V",
        action="append",
        default=[],
        help="a parameter (num_stages=2), or a pass config, which has a dot (tl.disable_warp_specialized=true)",
    )
    group.add_argument("--target", metavar="T", help="cuda:sm_90a, hip:gfx942, metal, c (default: this machine's GPU)")
    group.add_argument(
        "--build",
        metavar="NAME",
        help="wheel:0.1.15, wheel:latest, python:/path/to/python, auto: what the file's project asks for",
    )
    group.add_argument(
        "--import-root",
        metavar="DIR",
        action="append",
        default=[],
        help="a folder from which the file imports, beside its own, its package's and its project's",
    )
    group.add_argument("--torch", metavar="T", help="PyTorch of a new build: auto, cpu, or a pip requirement")
    group.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, help="for one lowering (default: 600; of many: 120)"
    )
    group.add_argument(
        "--no-resident",
        action=_NoResident,
        help="import TileLang anew, and leave no process that keeps it imported for the next command",
    )
    group.add_argument("--no-machine-code", action="store_true", help="do not run nvcc on the generated source")


class _NoResident(argparse.Action):
    """Sets the variable that whoever starts a server reads, workers of a cluster included."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *_: Any) -> None:  # noqa: ARG002
        setattr(namespace, self.dest, True)
        os.environ["SCAFFOLD_NO_RESIDENT"] = "1"


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        message = f"{text} is no time to wait"
        raise argparse.ArgumentTypeError(message)
    return value


def whole_number(text: str) -> int:
    """An integer from 0 on, for argparse."""
    value = int(text)
    if value < 0:
        message = f"{text} is negative"
        raise argparse.ArgumentTypeError(message)
    return value


def amount(text: str) -> float:
    """A number above nothing, for argparse."""
    value = float(text)
    if not 0 < value < float("inf"):
        message = f"{text} is not more than nothing"
        raise argparse.ArgumentTypeError(message)
    return value


def positive(text: str) -> int:
    """An integer from 1 on, for argparse."""
    value = int(text)
    if value < 1:
        message = f"{text} is less than one"
        raise argparse.ArgumentTypeError(message)
    return value


def gpu_numbers(text: str) -> tuple[int, ...]:
    """``0,1``, for argparse."""
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError:
        numbers = (-1,)
    if min(numbers) < 0:
        message = f"{text!r} is no list of GPU numbers"
        raise argparse.ArgumentTypeError(message)
    return numbers


def near(path: str | Path) -> str:
    """A path as one would type it here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def progress_of(namespace: argparse.Namespace) -> Progress:
    return Progress(verbosity=-1 if namespace.quiet else 1 if namespace.verbose else 0)


def output_of(namespace: argparse.Namespace) -> Output:
    """Decide form and place of the result.

    Raises
    ------
    UsageError
        If the flags contradict each other, or a picture or page would go to a terminal.
    OutputFolderError
        If the file's folder cannot be written; said before any work is done.
    """
    path = Path(namespace.output) if namespace.output and namespace.output != "-" else None
    if path is not None:
        require_writable(path)
    chosen: Format | None = "json" if namespace.json else namespace.format
    if namespace.json and namespace.format not in (None, "json"):
        raise UsageError(f"--json and --format {namespace.format} contradict each other", hint="keep one of them")
    if chosen is None:
        chosen = _BY_SUFFIX.get(path.suffix.lower()) if path else "terminal"
        if chosen is None:
            raise UsageError(f"cannot tell the format of {path}", hint=f"say --format {'|'.join(FORMATS)}")
    if chosen in ("png", "html") and path is None and (chosen == "png" or sys.stdout.isatty()):
        raise UsageError(f"--format {chosen} needs a file", hint=f"add -o report.{chosen}")
    return Output(chosen, path, namespace.color, _columns())


def _columns() -> int | None:
    """The width asked for by the environment where stdout is no terminal; rich asks the terminal itself."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdigit() and int(text) > 0 else None if sys.stdout.isatty() else 120


def require_writable(path: Path) -> None:
    folder = path.parent
    existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), Path("/"))
    if not existing.is_dir() or not os.access(existing, os.W_OK) or path.is_dir():
        raise OutputFolderError(
            f"cannot write {path}: {'it is a folder' if path.is_dir() else f'{existing} takes no files'}",
            hint="name a file in a folder you may write to with -o FILE",
        )


def write_result(output: Output, data: bytes) -> None:
    """Write the result to its file, whole or not at all, or to stdout."""
    if output.path is not None:
        from scaffold.files import write_atomically

        write_atomically(output.path, data)
    else:
        write_out(data)


def write_out(data: bytes) -> None:
    """Write a result to stdout, in its bytes."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def command_line(*words: str) -> str:
    """A command to type next, quoted for a shell, in the form in which the kit was run."""
    return f"{_started(words[0], with_words=bool(words[1:]))} {shlex.join(words[1:])}".rstrip()


def as_run(told: str) -> str:
    """What one is told to do, with verbs of the kit in it in the form in which the kit was run."""
    return _VERB.sub(lambda match: _started(match[1], with_words=bool(match[2])), told)


def _started(verb: str, *, with_words: bool) -> str:
    """How a verb is started: by nox, by an interpreter that the kit was installed for, or by the one at hand."""
    if os.environ.get("NOX_CURRENT_SESSION"):
        return f"nox -s {verb} --" if with_words else f"nox -s {verb}"
    return f"{os.environ.get('SCAFFOLD_COMMAND') or _BY_HAND} {verb}"


def exit_for(*, finding: bool) -> int:
    return int(ExitCode.FINDING if finding else ExitCode.OK)
