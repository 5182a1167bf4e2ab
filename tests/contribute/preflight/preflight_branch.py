"""A small repository like upstream's, and a branch of it, for rules to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sources import git, repository

from scaffold.contribute.change import read_change
from scaffold.contribute.draft import Draft
from scaffold.contribute.kinds import Expects, Kind
from scaffold.contribute.preflight.model import Facts, NotRun, StepResult
from scaffold.contribute.preflight.running import make_runner
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)
FOOTER = '\n\nif __name__ == "__main__":\n    tilelang.testing.main()\n'
TEST = f"import tilelang.testing\n\n\ndef test_one():\n    assert True\n{FOOTER}"
BODY = "## Summary\n\nMends it.\n\n## Validation\n\nRan the tests.\n"
AUDIT = """\
import json, re, sys
from pathlib import Path
found = []
for path in sorted(Path("src").rglob("*.h")):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if match := re.search(r"using namespace (\\w+);", line):
            found.append({"path": path.as_posix(), "line": number, "rule": "TLCPP004", "symbol": match[1],
                          "snippet": line, "message": "broad"})
print(json.dumps({"findings": found}))
"""
TREE: Mapping[str, str] = {
    "CMakeLists.txt": "project(TILE_LANG)\n",
    ".gitignore": "build/\n*.so\n",
    "pyproject.toml": '[project]\nname = "tilelang"\nrequires-python = ">=3.9"\n',
    ".github/workflows/ci.yml": (
        "jobs:\n  lint:\n    steps:\n      - uses: setup\n        with:\n          python-version: '3.10'\n"
        "      - run: python -m compileall -q -f tilelang\n"
    ),
    "maint/scripts/audit_cpp_api_style.py": AUDIT,
    "src/op/gemm.cc": "int gemm() { return 1; }  // one\n",
    "src/op/gemm.h": "using namespace ffi;\nint gemm();\n",
    "tilelang/__init__.py": '"""TileLang."""\n',
    "tilelang/jit.py": "def compile():\n    return 1\n",
    "tilelang/testing/__init__.py": (
        "from tvm.testing.utils import requires_cuda, requires_rocm\n\n\n"
        "def requires_cuda_compute_version(major, minor=0):\n    return None\n"
    ),
    "testing/python/language/test_tilelang_language_copy.py": TEST,
    "testing/conftest.py": "",
    "docs/index.md": "# TileLang\n",
}
BUGFIX = Kind(
    name="bugfix",
    summary="",
    tag="BugFix",
    branch="fix",
    example="",
    expects=Expects(test="required", fails_on_base=True, changes_code=True),
)
REFACTOR = Kind(
    name="refactor",
    summary="",
    tag="Refactor",
    branch="refactor",
    example="",
    expects=Expects(test="none", changes_code=False),
)
PERF = Kind(name="perf", summary="", tag="Enhancement", branch="perf", example="", expects=Expects(benchmark=True))
SHOWN = Kind(name="shown", summary="", tag="BugFix", branch="fix", example="", evidence=("tests", "corpus"))
DOCS = Kind(name="docs", summary="", tag="Docs", branch="docs", example="", expects=Expects(test="none", docs=True))


@dataclass
class Branch:
    """The branch ``fix/it`` of a repository; ``main`` is what it goes to."""

    root: Path
    tools: Path
    kind: Kind = BUGFIX
    title: str = "[BugFix][Op] Fix it"
    body: str = BODY
    issue: int | None = None
    with_draft: bool = True
    evidence: dict[str, StepResult] = field(default_factory=dict)
    not_run: dict[str, NotRun] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path) -> Branch:
        root = repository(folder / "tilelang", TREE)
        git(root, "commit", "-q", "--allow-empty", "-m", "[BugFix][Op] Mend another (#1)")
        git(root, "switch", "-q", "-c", "fix/it")
        return cls(root, folder / "tools")

    def write(self, path: str, content: str | bytes) -> None:
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content if isinstance(content, bytes) else content.encode())

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def move(self, path: str, to: str) -> None:
        (self.root / to).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).rename(self.root / to)

    def commit(self, subject: str = "[BugFix][Op] Fix it") -> None:
        git(self.root, "add", "-A", "-f")
        git(self.root, "commit", "-q", "--allow-empty", "-m", subject)

    def submodule(self, path: str, commit: str) -> None:
        """Make ``path`` a submodule at a commit nobody has."""
        (self.root / path).mkdir(parents=True, exist_ok=True)
        git(self.root, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        git(self.root, "commit", "-q", "-m", "[Misc] Something")

    def facts(self) -> Facts:
        draft = Draft(
            folder=self.tools.parent / "draft",
            kind=self.kind.name,
            title=self.title,
            checkout=self.root,
            branch="fix/it",
            base_ref="main",
            issue=self.issue,
        )
        return Facts(
            change=read_change(self.root, "main"),
            draft=draft if self.with_draft else None,
            kind=self.kind,
            title=self.title,
            body=self.body,
            evidence=self.evidence,
            not_run=self.not_run,
            tools=self.tools,
            run=make_runner(self.root, self.tools / "logs", QUIET),
        )


def ran(verdict: str, *, stale: bool = False, **details: object) -> StepResult:
    return StepResult(verdict, stale, details=details)
