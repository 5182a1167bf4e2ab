"""Cases of rules that look at files: their names, their text, tests among them."""

from __future__ import annotations

from preflight_branch import DOCS, FOOTER, REFACTOR, TEST, Branch
from preflight_cases import NEW_TEST, SOURCE, Case, committed, having
from sources import git

from scaffold.contribute.preflight.model import Word

ASF = "# Licensed to the Apache Software Foundation (ASF) under one\n# or more contributor license agreements.\n"
KEY = "-----BEGIN " + "PRIVATE KEY-----\n"
TOKEN = "ghp_" + "a1B2" * 9


def _moved_submodule(branch: Branch) -> None:
    branch.submodule("3rdparty/tvm", "1" * 40)


def _undrafted_submodule(branch: Branch) -> None:
    _moved_submodule(branch)
    branch.with_draft = False


def _moved_back(branch: Branch) -> None:
    git(branch.root, "switch", "-q", "main")
    for commit in ("1" * 40, "2" * 40):
        branch.submodule("3rdparty/tvm", commit)
    git(branch.root, "switch", "-q", "-C", "fix/it")
    branch.submodule("3rdparty/tvm", "1" * 40)
    branch.title = "[Build] Bump tvm"


def _meant_submodule(branch: Branch) -> None:
    _moved_submodule(branch)
    branch.title = "[Build] Bump tvm"


FILES = (
    Case("no-secrets", "passed", "nothing", SOURCE),
    Case("no-secrets", "failed", "key", {"docs/a b.md": KEY}, says="docs/a b.md:1: private key"),
    Case("no-secrets", "failed", "token in the description", prepare=having(body=TOKEN), says="body.md:1"),
    Case("no-secrets", "warned", "home", {"x.py": "p = '/home/jdoe7/a'\n"}, says="/home/jdoe7"),
    Case("no-secrets", "passed", "nobody's home", {"x.py": "p = '/home/user/a'\n"}),
    Case("no-repro-at-root", "passed", "none", SOURCE),
    Case("no-repro-at-root", "failed", "repro", {"repro_2524.py": "x = 1\n"}, says="git rm --cached -- repro_2524.py"),
    Case("no-repro-at-root", "failed", "log", {"out put.log": "x\n"}, says="'out put.log'"),
    Case("no-repro-at-root", "warned", "another", {"Dockerfile": "x\n"}),
    Case("no-build-products", "passed", "none", SOURCE),
    Case("no-build-products", "failed", "library", {"tilelang/x.so": b"\x7fELF\0"}, committed(), says="tilelang/x.so"),
    Case("no-build-products", "failed", "manifest", {"install_manifest.txt": "x\n"}),
    Case("no-large-files", "passed", "small", SOURCE),
    Case("no-large-files", "failed", "large", {"docs/big.bin": b"\0" * 600 * 1024}, says="docs/big.bin: 600 kB"),
    Case("no-licence-header", "passed", "none", {NEW_TEST: TEST}),
    Case("no-licence-header", "failed", "Apache's", {NEW_TEST: ASF + TEST}),
    Case("submodule-moved", "quiet", "none", SOURCE),
    Case("submodule-moved", "failed", "by accident", prepare=_moved_submodule, says="111111111111"),
    Case("submodule-moved", "failed", "back", prepare=_moved_back, says="where upstream had it before"),
    Case("submodule-moved", "warned", "on purpose", prepare=_meant_submodule),
    Case("submodule-moved", "warned", "no description", prepare=_undrafted_submodule),
    Case("syntax", "quiet", "no Python", SOURCE),
    Case("syntax", "passed", "fine", {"tilelang/jit.py": "x = 1\n"}),
    Case("syntax", "failed", "broken", {"tilelang/jit.py": "x = 1\ndef f(:\n"}, says="tilelang/jit.py:2"),
    Case("syntax", "passed", "another encoding", {"docs/latin.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"}),
    Case("python-3.10", "quiet", "no package", {"docs/x.py": "def f[T](x: T): ...\n"}),
    Case("python-3.10", "passed", "fine", {"tilelang/jit.py": "match 1:\n    case _:\n        pass\n"}),
    Case("python-3.10", "failed", "newer", {"tilelang/jit.py": "try:\n    x = 1\nexcept* ValueError:\n    x = 2\n"}),
    Case("cpp-audit", "quiet", "no header", SOURCE),
    Case("cpp-audit", "passed", "moved", {"src/op/gemm.h": "int a;\nusing namespace ffi;\n"}),
    Case(
        "cpp-audit",
        "warned",
        "new",
        {"src/op/gemm.h": "using namespace ffi;\nusing namespace tirx;\n"},
        says="gemm.h:2",
    ),
    Case("docs-build", "quiet", "no page", SOURCE),
    Case("docs-build", "unknown", "no requirements", {"docs/a.md": "# A\n"}, having(kind=DOCS)),
)


def _test(body: str, mark: str = "") -> str:
    lead = f"@tilelang.testing.{mark}\n" if mark else ""
    return f"import tilelang.testing\n\n\ndef helper():\n    {body}\n\n\n{lead}def test_one():\n    helper()\n{FOOTER}"


def _marks(what: str, word: Word, body: str, mark: str = "", says: str = "") -> Case:
    return Case("test-marks", word, what, {NEW_TEST: _test(body, mark)}, says=says)


TESTS = (
    Case("test-beside-source", "quiet", "no source", {"docs/index.md": "# B\n"}),
    Case("test-beside-source", "passed", "with a test", {**SOURCE, NEW_TEST: TEST}, says=NEW_TEST),
    Case("test-beside-source", "failed", "without", SOURCE, says="src/op/gemm.cc"),
    Case("test-beside-source", "warned", "without, no draft", SOURCE, having(with_draft=False)),
    Case("test-beside-source", "warned", "said", SOURCE, having(body="No test, because it needs two GPUs.")),
    Case("test-beside-source", "quiet", "comments", {"src/op/gemm.cc": "int gemm() { return 1; }  // two\n"}),
    Case("test-beside-source", "quiet", "docstring", {"tilelang/__init__.py": '"""Other."""\n# x\n'}),
    Case("test-beside-source", "quiet", "refactoring", SOURCE, having(kind=REFACTOR)),
    Case("test-footer", "quiet", "no new test", SOURCE),
    Case("test-footer", "passed", "there", {NEW_TEST: TEST}),
    Case("test-footer", "warned", "missing", {NEW_TEST: TEST.replace(FOOTER, "\n")}),
    Case(
        "test-footer",
        "warned",
        "commented out",
        {NEW_TEST: TEST.replace("    tilelang", "    # tilelang") + "    pass\n"},
    ),
    Case("test-collects", "quiet", "no new test", SOURCE),
    Case("test-collects", "passed", "named as upstream's", {NEW_TEST: TEST}),
    Case("test-collects", "passed", "issue", {"testing/python/issue/test_tilelang_issue_12.py": TEST}),
    Case(
        "test-collects", "warned", "issue without number", {"testing/python/issue/test_mine.py": TEST}, says="issue_<N>"
    ),
    Case("test-collects", "warned", "another name", {"testing/python/jit/test_mine.py": TEST}),
    Case("test-collects", "failed", "not collected", {"testing/python/jit/mine.py": TEST}, says="test_*.py only"),
    Case("test-collects", "quiet", "example", {"examples/x/mine.py": TEST}),
    Case("test-collects", "failed", "elsewhere", {"tests/test_it.py": TEST}),
    Case("test-collects", "failed", "no test in it", {NEW_TEST: "x = 1\n"}),
    Case(
        "test-collects",
        "failed",
        "of the same name",
        {"testing/python/jit/test_tilelang_language_copy.py": TEST},
        says="pytest takes one file of a name",
    ),
    Case("test-marks", "quiet", "no GPU", {NEW_TEST: TEST}),
    _marks("both GPUs", "passed", "x.cuda()", says="NVIDIA and AMD"),
    _marks("marked", "passed", "x.cuda(), T.ptx_mma()", "requires_cuda"),
    _marks("PTX unmarked", "failed", "x.cuda(), T.ptx_mma()", says="requires_cuda"),
    _marks("target unmarked", "failed", "f(target='cuda', device='cuda')"),
    _marks("no such mark", "failed", "x.cuda()", "requires_blackwell", says="no mark is called requires_blackwell"),
    _marks("WGMMA on any GPU", "warned", "x.cuda(), T.wgmma_gemm()", "requires_cuda", says="compute_version(9)"),
    _marks("WGMMA marked", "passed", "x.cuda(), T.wgmma_gemm()", "requires_cuda_compute_version(9)"),
    _marks("guarded inside", "quiet", "x.cuda(), pytest.skip(), f(target='cuda')"),
)
