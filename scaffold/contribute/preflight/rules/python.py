"""Python files: whether they parse, and on the oldest Python upstream supports."""

from __future__ import annotations

import ast
import shutil
import sys
import warnings

from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet
from scaffold.contribute.preflight.reading import text_of
from scaffold.contribute.preflight.upstream_ci import oldest_python

#: From this one on, ast no longer sees an f-string older versions refuse: quotes inside of quotes.
_NEW_FSTRINGS = (3, 12)


def fault(text: str, path: str, version: tuple[int, int] | None = None) -> str:
    """``path:line: what is wrong``; empty for what parses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text, filename=path, feature_version=version)
    except SyntaxError as error:
        return f"{path}:{error.lineno or 1}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{path}:1: {error or 'nested too deeply'}"
    return ""


class Syntax(Rule):
    id = "syntax"
    title = "Every changed Python file parses"
    why = "The first hook of upstream's CI that fails ends the run."
    link = "https://github.com/tile-ai/tilelang/blob/main/.pre-commit-config.yaml"

    def check(self, facts: Facts) -> Answer:
        texts = {path: text_of(facts.change, path) for path in facts.change.present if path.endswith((".py", ".pyi"))}
        if not texts:
            return quiet("no Python file is changed")
        faults = [found for path, text in texts.items() if text is not None and (found := fault(text, path))]
        if faults:
            return failed(f"Python {_dotted(sys.version_info[:2])} cannot read it", *faults, fix="mend the line")
        return passed(f"{len(texts)} file{'s' if len(texts) > 1 else ''}")


class OldestPython(Rule):
    id = "python-3.10"
    title = "The package parses on the oldest Python upstream supports"
    why = "CI compiles tilelang/ with it before anything else; nothing else runs when that fails."
    link = "https://github.com/tile-ai/tilelang/blob/main/.github/workflows/ci.yml"
    requires = ("syntax",)

    def check(self, facts: Facts) -> Answer:
        paths = [path for path in facts.change.below("tilelang") if path.endswith(".py")]
        if not paths:
            return quiet("no Python file of the package is changed")
        version = oldest_python(facts.change.root)
        texts = {path: text_of(facts.change, path) for path in paths}
        faults = [found for path, text in texts.items() if text is not None and (found := fault(text, path, version))]
        python = shutil.which(f"python{_dotted(version)}")
        if not faults and python:
            faults = _by_interpreter(facts, python, paths)
        if faults:
            return failed(f"Python {_dotted(version)} cannot read it", *faults, fix="write it as that version does")
        said = f"{len(paths)} file{'s' if len(paths) > 1 else ''} on Python {_dotted(version)}"
        if not python and sys.version_info >= _NEW_FSTRINGS:
            return passed(f"{said}, by its grammar; f-strings of {_dotted(_NEW_FSTRINGS)} are left to upstream's ruff")
        return passed(said if python else f"{said}, by its grammar")


_COMPILE = """
import sys
for path in sys.argv[1:]:
    try:
        compile(open(path, "rb").read(), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        print(f"{path}:{getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', error)}")
"""


def _by_interpreter(facts: Facts, python: str, paths: list[str]) -> list[str]:
    """What an interpreter of that version says; nothing is written."""
    done = facts.run([python, "-I", "-S", "-W", "ignore", "-c", _COMPILE, *paths], {})
    return [] if done.missing or done.code else done.output.splitlines()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
