"""Which package of PyPI holds what a repository of hooks gives to pre-commit.

Facts of each repository's ``.pre-commit-hooks.yaml``: pre-commit/pre-commit-hooks v6.0.0,
pre-commit/mirrors-clang-format v22.1, astral-sh/ruff-pre-commit v0.16, codespell-project/codespell v2.4,
jackdewinter/pymarkdown v0.9.39.
Their tags are the versions of these packages with a ``v`` in front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TEXT = {"types": ["text"]}
_PYTHON = {"types": ["python"]}
_RUFF = {"types_or": ["python", "pyi", "jupyter"], "require_serial": True}
_EARLY = {"stages": ["pre-commit", "pre-push", "manual"]}


def _hook(entry: str, *settings: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"entry": entry, **{key: value for part in settings for key, value in part.items()}, **more}


@dataclass(frozen=True)
class KnownRepository:
    """A package, and hook id -> what the repository says of the hook."""

    package: str
    hooks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


#: The address without its scheme and ``.git``, in lower case -> the package.
KNOWN: Mapping[str, KnownRepository] = {
    "github.com/pre-commit/pre-commit-hooks": KnownRepository(
        "pre-commit-hooks",
        {
            "check-added-large-files": _hook("check-added-large-files", _EARLY),
            "check-ast": _hook("check-ast", _PYTHON),
            "check-builtin-literals": _hook("check-builtin-literals", _PYTHON),
            "check-case-conflict": _hook("check-case-conflict"),
            "check-docstring-first": _hook("check-docstring-first", _PYTHON),
            "check-executables-have-shebangs": _hook(
                "check-executables-have-shebangs", _EARLY, types=["text", "executable"]
            ),
            "check-json": _hook("check-json", types=["json"]),
            "check-merge-conflict": _hook("check-merge-conflict", _TEXT),
            "check-shebang-scripts-are-executable": _hook("check-shebang-scripts-are-executable", _TEXT, _EARLY),
            "check-symlinks": _hook("check-symlinks", types=["symlink"]),
            "check-toml": _hook("check-toml", types=["toml"]),
            "check-vcs-permalinks": _hook("check-vcs-permalinks", _TEXT),
            "check-xml": _hook("check-xml", types=["xml"]),
            "check-yaml": _hook("check-yaml", types=["yaml"]),
            "debug-statements": _hook("debug-statement-hook", _PYTHON),
            "destroyed-symlinks": _hook("destroyed-symlinks", _EARLY, types=["file"]),
            "detect-aws-credentials": _hook("detect-aws-credentials", _TEXT),
            "detect-private-key": _hook("detect-private-key", _TEXT),
            "double-quote-string-fixer": _hook("double-quote-string-fixer", _PYTHON),
            "end-of-file-fixer": _hook("end-of-file-fixer", _TEXT, _EARLY),
            "file-contents-sorter": _hook("file-contents-sorter", files="^$"),
            "fix-byte-order-marker": _hook("fix-byte-order-marker", _TEXT),
            "forbid-new-submodules": _hook("forbid-new-submodules", types=["directory"]),
            "mixed-line-ending": _hook("mixed-line-ending", _TEXT),
            "name-tests-test": _hook("name-tests-test", files=r"(^|/)tests/.+\.py$"),
            "no-commit-to-branch": _hook("no-commit-to-branch", pass_filenames=False, always_run=True),
            "pretty-format-json": _hook("pretty-format-json", types=["json"]),
            "requirements-txt-fixer": _hook("requirements-txt-fixer", files=r"(requirements|constraints).*\.txt$"),
            "sort-simple-yaml": _hook("sort-simple-yaml", files="^$"),
            "trailing-whitespace": _hook("trailing-whitespace-fixer", _TEXT, _EARLY),
        },
    ),
    "github.com/pre-commit/mirrors-clang-format": KnownRepository(
        "clang-format",
        {
            "clang-format": _hook(
                "clang-format -i",
                types_or=["c++", "c", "c#", "cuda", "java", "javascript", "json", "objective-c", "proto", "metal"],
                args=["-style=file"],
            )
        },
    ),
    "github.com/astral-sh/ruff-pre-commit": KnownRepository(
        "ruff",
        {
            "ruff": _hook("ruff check --force-exclude", _RUFF),
            "ruff-check": _hook("ruff check --force-exclude", _RUFF),
            "ruff-format": _hook("ruff format --force-exclude", _RUFF),
        },
    ),
    "github.com/codespell-project/codespell": KnownRepository("codespell", {"codespell": _hook("codespell", _TEXT)}),
    "github.com/jackdewinter/pymarkdown": KnownRepository(
        "pymarkdownlnt", {"pymarkdown": _hook("pymarkdown", types=["markdown"], args=["scan"])}
    ),
}
