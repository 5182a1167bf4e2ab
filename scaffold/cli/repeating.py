"""Commands to type next, with what was said of the branch this time: without, they would be about another one."""

from __future__ import annotations

import argparse
import re
import shlex

#: Verb -> those of its flags that say which branch it is about.
FLAGS = {
    "preflight": ("checkout", "base", "kind", "title", "workspace"),
    "evidence": ("checkout", "workspace"),
    "open-pr": ("checkout", "workspace"),
    "new-pr": ("checkout", "base", "title", "workspace"),
    "tir-diff": ("workspace",),
    "bench": ("workspace",),
    "explain": ("workspace",),
}
_VERB = re.compile(r"\bpython -m scaffold (?P<verb>[a-z-]+)")
#: Where a command begins: at the start, behind another one, behind the words that lead to it.
_GIT = re.compile(r"(?P<lead>^|&& |: |; |then )git (?=[a-z])")


def with_given(told: str, namespace: argparse.Namespace) -> str:
    """What one is told to do, each command with the flags that were given and that it takes; of git, the folder."""
    told = _VERB.sub(lambda match: " ".join((match[0], *_given(match["verb"], namespace))), told)
    if checkout := getattr(namespace, "checkout", None):
        told = _GIT.sub(lambda match: f"{match['lead']}git -C {shlex.quote(checkout)} ", told)
    return told


def _given(verb: str, namespace: argparse.Namespace) -> list[str]:
    given = {flag: str(getattr(namespace, flag, None) or "") for flag in FLAGS.get(verb, ())}
    return [_flag(flag, value) for flag, value in given.items() if value]


def _flag(flag: str, value: str) -> str:
    return f"--{flag}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}"
