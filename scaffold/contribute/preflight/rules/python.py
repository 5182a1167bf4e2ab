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
#: From this one on, a star may stand in a subscript and before an annotation.
_STARS = (3, 11)


def fault(text: str, path: str, version: tuple[int, int] | None = None) -> str:
    """``path:line: what is wrong``; empty for what parses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, filename=path, feature_version=version)
            # What the grammar lets pass and a compiler does not: return outside of a function, a name declared late.
            compile(tree, path, "exec", dont_inherit=True)
            if version and version < _STARS and (line := _new_star(tree)):
                return f"{path}:{line}: a star here is of Python {_dotted(_STARS)}"
    except SyntaxError as error:
        return f"{path}:{error.lineno or 1}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{path}:1: {error or 'nested too deeply'}"
    return ""


def _new_star(tree: ast.Module) -> int:
    """The line of ``a[*b]`` or ``def f(*args: *T)``, which the tree holds whatever version is asked for; 0 for none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Starred):
            return node.lineno
        inner = node.slice if isinstance(node, ast.Subscript) else None
        if isinstance(inner, ast.Tuple):
            # In brackets of its own it begins before its first item.
            bare = (
                (inner.lineno, inner.col_offset) == (inner.elts[0].lineno, inner.elts[0].col_offset)
                if inner.elts
                else False
            )
            if bare and any(isinstance(item, ast.Starred) for item in inner.elts):
                return inner.lineno
    return 0


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
        told = _by_interpreter(facts, python, paths) if python and not faults else None
        faults = faults or list(told or ())
        if faults:
            return failed(f"Python {_dotted(version)} cannot read it", *faults, fix="write it as that version does")
        said = f"{len(paths)} file{'s' if len(paths) > 1 else ''} on Python {_dotted(version)}"
        if told is None and sys.version_info >= _NEW_FSTRINGS:
            return passed(f"{said}, by its grammar; f-strings of {_dotted(_NEW_FSTRINGS)} are left to upstream's ruff")
        return passed(f"{said}, by its grammar" if told is None else said)


#: The last line of what the interpreter prints, so that silence is no answer.
_SEEN = "all were looked at"
_COMPILE = f"""
import sys
for path in sys.argv[1:]:
    try:
        compile(open(path, "rb").read(), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        print("%s:%s: %s" % (path, getattr(error, "lineno", None) or 1, getattr(error, "msg", error)))
print({_SEEN!r})
"""


def _by_interpreter(facts: Facts, python: str, paths: list[str]) -> list[str] | None:
    """What an interpreter of that version says; ``None`` where it does not run: a shim may stand for none."""
    done = facts.run([python, "-I", "-S", "-W", "ignore", "-c", _COMPILE, *paths], {})
    lines = done.output.splitlines()
    return None if done.missing or done.code or not lines or lines[-1] != _SEEN else lines[:-1]


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
