"""Ask what a kind needs and the command line did not say. Nothing is touched before the last answer is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from scaffold.contribute.kinds import Kind
from scaffold.errors import UsageError
from scaffold.kernels.catalog import zoo_names

#: Reads one line: a prompt to its answer.
Read = Callable[[str], str]
#: Says one line.
Say = Callable[[str], None]
#: An answer to what is wrong with it; empty where nothing is.
Check = Callable[[str], str]


@dataclass(frozen=True)
class Question:
    """One thing that may be asked; ``flag`` says it on the command line."""

    name: str
    flag: str
    text: str
    optional: bool = True
    #: Answers that leave nothing to ask here.
    unless: tuple[str, ...] = ()


_QUESTIONS = {
    "issue": Question("issue", "--issue N", "number of the issue it mends"),
    "subsystem": Question(
        "subsystem", "--subsystem NAME", "subsystem, upstream's second tag (Layout, CUDA, Reduce, JIT)"
    ),
    "kernel": Question("kernel", "--kernel NAME", "kernel it is about: of the zoo (gemm), or path.py::function"),
    "pass": Question("pass", "--pass NAME", "pass it is about (LowerTileOp)"),
    "script": Question(
        "script",
        "--script PATH",
        "script, tool or CI file of the checkout it is about, where that is no kernel",
        unless=("kernel", "pass"),
    ),
    "backend": Question("backend", "--backend NAME", "backend (cuda, rocm, metal, cpu, or a new one)"),
    "topic": Question("topic", "--topic NAME", "folder below examples/ (gemm)"),
}


def questions_for(kind: Kind) -> tuple[Question, ...]:
    """What ``kind`` asks besides the title, in its order; a subsystem always."""
    asked = ["subsystem", *kind.asks] if "subsystem" not in {name.rstrip("?") for name in kind.asks} else [*kind.asks]
    return tuple(
        replace(one, optional=name.endswith("?") or name == "subsystem")
        for name in asked
        if (one := _QUESTIONS[name.rstrip("?")])
    )


def ask_all(
    kind: Kind, given: dict[str, str], read: Read, say: Say, *, checks: Mapping[str, Check] = MappingProxyType({})
) -> dict[str, str]:
    """``given`` with what was answered; an empty answer leaves an optional thing out.

    ``checks`` are of answers that only the caller can judge: name of the question -> what is wrong with an answer.
    """
    answers = dict(given)
    if not answers.get("title"):
        answers["title"] = _until(read, say, "title, one imperative sentence", _title, optional=False)
    for question in questions_for(kind):
        if question.name not in answers and not any(answers.get(name) for name in question.unless):
            check = checks.get(question.name) or _CHECKS.get(question.name, _any)
            answers[question.name] = _until(read, say, question.text, check, optional=question.optional)
    return answers


def require_all(kind: Kind, given: dict[str, str]) -> None:
    """See to it that nothing is missing where nobody can be asked.

    Raises
    ------
    UsageError
        With the flags that are missing.
    """
    missing = [] if given.get("title") else ["--title TEXT"]
    missing += [q.flag for q in questions_for(kind) if not q.optional and not given.get(q.name)]
    if missing:
        raise UsageError(
            f"{kind.name} needs {' '.join(missing)}", hint=f"for example: scripts/new_pr.py {kind.name} {kind.example}"
        )


def _until(read: Read, say: Say, text: str, check: Check, *, optional: bool) -> str:
    """Ask until the answer will do."""
    while True:
        answer = read(f"{text}{' (empty: none)' if optional else ''}: ").strip()
        if not answer and optional:
            return ""
        wrong = check(answer) if answer else "this one is needed"
        if not wrong:
            return answer
        say(wrong)


def _any(_: str) -> str:
    return ""


def _title(text: str) -> str:
    return "" if re.search(r"\w", text) else "say what the change does, as an order: Sum short fragments"


def _number(text: str) -> str:
    return "" if re.fullmatch(r"#?\d+", text) else f"{text!r} is no number of an issue"


def _kernel(text: str) -> str:
    known = zoo_names()
    fine = text in known or ".py" in text
    return (
        "" if fine else f"no kernel of the zoo is called {text!r}; there are {', '.join(known)}, or path.py::function"
    )


_CHECKS: dict[str, Check] = {"issue": _number, "kernel": _kernel}
