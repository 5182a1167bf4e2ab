"""Cases of rules that look at files: their names, their text, tests among them."""

from __future__ import annotations

from preflight_branch import DOCS, FOOTER, REFACTOR, TEST, Branch
from preflight_cases import NEW_TEST, SOURCE, Case, Prepare, committed, having
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


def _then_removed(path: str, text: str) -> Prepare:
    """A file that one commit adds and the next takes out again."""

    def prepare(branch: Branch) -> None:
        branch.write(path, text)
        branch.commit()
        branch.remove(path)
        branch.write("docs/index.md", "# B\n")
        branch.commit()

    return prepare


def _upstreams_token_removed(branch: Branch) -> None:
    git(branch.root, "switch", "-q", "main")
    branch.write("docs/k.md", TOKEN)
    branch.commit()
    git(branch.root, "switch", "-q", "-C", "fix/it")
    branch.remove("docs/k.md")
    branch.commit()


def _new_submodule(branch: Branch) -> None:
    branch.submodule("examples/vendored", "1" * 40)
    branch.title = "[BugFix] Update the copy, and sync"


def _submodule_gone(branch: Branch) -> None:
    git(branch.root, "switch", "-q", "main")
    branch.submodule("3rdparty/tvm", "1" * 40)
    git(branch.root, "switch", "-q", "-C", "fix/it")
    git(branch.root, "rm", "-q", "--cached", "3rdparty/tvm")
    git(branch.root, "commit", "-q", "-m", "[Misc] Something")


def _linked(path: str, to: str) -> Prepare:
    def prepare(branch: Branch) -> None:
        (branch.root / path).parent.mkdir(parents=True, exist_ok=True)
        (branch.root / path).symlink_to(to)
        branch.commit()

    return prepare


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


FILES = (
    Case("no-secrets", "passed", "nothing", SOURCE),
    Case("no-secrets", "failed", "key", {"docs/a b.md": KEY}, says="docs/a b.md:1: private key"),
    Case("no-secrets", "failed", "token in the description", prepare=having(body=TOKEN), says="body.md:1"),
    Case("no-secrets", "warned", "home", {"x.py": "p = '/home/jdoe7/a'\n"}, says="/home/jdoe7"),
    Case("no-secrets", "passed", "nobody's home", {"x.py": "p = '/home/user/a'\n"}),
    Case(
        "no-secrets", "failed", "in an earlier commit", prepare=_then_removed("docs/k.md", TOKEN), says="GitHub token"
    ),
    Case("no-secrets", "passed", "taken out of upstream's", prepare=_upstreams_token_removed),
    Case(
        "no-secrets",
        "passed",
        "examples of documentation",
        {NEW_TEST: TEST.replace("True", "'AKIAIOSFODNN7EXAMPLE' and 'https://user:password@host/x'")},
    ),
    Case("no-secrets", "failed", "password in a URL", {"docs/a.md": "https://jo:hunter2@host/x\n"}),
    Case("no-secrets", "failed", "another encoding", {"docs/a.md": b"\xe9 " + TOKEN.encode() + b"\r"}),
    Case("no-secrets", "warned", "where a link points to", prepare=_linked("docs/link", "/home/jdoe7/a"), says="jdoe7"),
    Case("no-secrets", "passed", "CI's home", {"x.py": "p = '/home/circleci/a', '/home/linuxbrew/b'\n"}),
    Case("no-secrets", "warned", "host", {"docs/a.md": "on gpu7.lab.internal today\n"}, says="gpu7.lab.internal"),
    Case("no-secrets", "passed", "attribute", {"x.py": "self.config.internal = 1\nctx.a.lan[0]\n"}),
    Case("no-repro-at-root", "passed", "none", SOURCE),
    Case("no-repro-at-root", "failed", "folder", {"repro_1/a.py": "x = 1\n"}, says="git rm -r --cached -- repro_1/"),
    Case("no-repro-at-root", "warned", "another folder", {"rust/a.rs": "x\n"}),
    Case("no-repro-at-root", "failed", "by number", {"issue2524.py": "x = 1\n"}),
    Case("no-repro-at-root", "failed", "link", prepare=_linked("repro.py", "docs/index.md")),
    Case("no-repro-at-root", "warned", "for a tool", {"test-requirements.txt": "x\n", "tasks.py": "x = 1\n"}),
    Case("no-repro-at-root", "failed", "repro", {"repro_2524.py": "x = 1\n"}, says="git rm --cached -- repro_2524.py"),
    Case("no-repro-at-root", "failed", "log", {"out put.log": "x\n"}, says="'out put.log'"),
    Case("no-repro-at-root", "warned", "another", {"Dockerfile": "x\n"}),
    Case("no-build-products", "passed", "none", SOURCE),
    Case("no-build-products", "failed", "library", {"tilelang/x.so": b"\x7fELF\0"}, committed(), says="tilelang/x.so"),
    Case("no-build-products", "failed", "manifest", {"install_manifest.txt": "x\n"}),
    Case("no-build-products", "failed", "editor", {"docs/.a.md.swp": "x", "docs/b.md~": "x", ".vscode/a.json": "{}"}),
    Case("no-large-files", "passed", "small", SOURCE),
    Case("no-large-files", "passed", "link to a large one", prepare=_linked("docs/big", "/proc/kcore")),
    Case("no-large-files", "failed", "large", {"docs/big.bin": b"\0" * 600 * 1024}, says="docs/big.bin: 600 kB"),
    Case("no-licence-header", "passed", "none", {NEW_TEST: TEST}),
    Case("no-licence-header", "failed", "Apache's", {NEW_TEST: ASF + TEST}),
    Case("no-licence-header", "passed", "speaks of it", {"docs/a.md": f"# Licences\n\nTVM is {ASF[2:]}"}),
    Case("no-licence-header", "passed", "in a string", {NEW_TEST: TEST.replace("True", repr(ASF))}),
    Case("no-licence-header", "failed", "second comment", {"src/op/a.cc": f"/* a */\r\n/*\r\n{ASF}*/\r\nint a;\r\n"}),
    Case("no-licence-header", "failed", "lines", {"src/op/a.cc": ASF.replace("#", "//") + "int a;\n"}),
    Case("submodule-moved", "quiet", "none", SOURCE),
    Case("submodule-moved", "failed", "new", prepare=_new_submodule, says="git rm --cached -- examples/vendored"),
    Case("submodule-moved", "failed", "gone", prepare=_submodule_gone, says="111111111111 to none"),
    Case("submodule-moved", "failed", "by accident", prepare=_moved_submodule, says="111111111111"),
    Case("submodule-moved", "failed", "back", prepare=_moved_back, says="where upstream had it before"),
    Case("submodule-moved", "warned", "on purpose", prepare=_meant_submodule),
    Case("submodule-moved", "warned", "no description", prepare=_undrafted_submodule),
    Case("syntax", "quiet", "no Python", SOURCE),
    Case("syntax", "passed", "fine", {"tilelang/jit.py": "x = 1\n"}),
    Case("syntax", "failed", "broken", {"tilelang/jit.py": "x = 1\ndef f(:\n"}, says="tilelang/jit.py:2"),
    Case("syntax", "passed", "another encoding", {"docs/latin.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"}),
    Case("syntax", "passed", "mark of the byte order", {"tilelang/jit.py": b"\xef\xbb\xbfx = 1\r\n"}),
    Case("syntax", "failed", "no function around it", {"tilelang/jit.py": "return 1\n"}, says="outside function"),
    Case("python-3.10", "failed", "star", {"tilelang/jit.py": "def f(a, b):\n    return a[*b]\n"}, says="jit.py:2"),
    Case("python-3.10", "failed", "starred", {"tilelang/jit.py": "def f(*a: *tuple[int]): ...\n"}, says="jit.py:1"),
    Case("python-3.10", "passed", "star in brackets", {"tilelang/jit.py": "def f(a, b):\n    return a[(*b, 1)]\n"}),
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


OLD_TEST = "testing/python/language/test_tilelang_language_copy.py"
ONE = "def test_one():\n    assert True\n"
DOCUMENTED = f'"""{ONE}"""\n'
MADE = "    def __init__(self):\n        pass\n\n    def test_a(self):\n        pass\n"
UNMARKED = "def test_one():\n    x.cuda(), T.ptx_mma()\n"


def _test_renamed(branch: Branch) -> None:
    branch.move(OLD_TEST, "testing/python/language/test_tilelang_language_copied.py")
    branch.commit()


def _test_moved(branch: Branch) -> None:
    branch.move(OLD_TEST, "testing/python/jit/test_tilelang_language_copy.py")
    branch.commit()


TESTS = (
    Case("test-beside-source", "quiet", "no source", {"docs/index.md": "# B\n"}),
    Case("test-beside-source", "passed", "with a test", {**SOURCE, NEW_TEST: TEST}, says=NEW_TEST),
    Case("test-beside-source", "failed", "without", SOURCE, says="src/op/gemm.cc"),
    Case("test-beside-source", "failed", "none was run", SOURCE, having(body="No tests were run, as I have no GPU.")),
    Case("test-beside-source", "failed", "said in a comment", SOURCE, having(body="<!-- No test, because x -->")),
    Case("test-beside-source", "quiet", "revert", SOURCE, having(title='Revert "[BugFix][Op] Fix it"')),
    Case("test-beside-source", "failed", "test renamed", SOURCE, _test_renamed),
    Case("test-beside-source", "failed", "test taken out", {**SOURCE, OLD_TEST: TEST.replace(ONE, "")}),
    Case("test-beside-source", "failed", "comment in a test", {**SOURCE, OLD_TEST: f"# x\n{TEST}"}),
    Case("test-beside-source", "failed", "conftest", {**SOURCE, "testing/conftest.py": "x = 1\n"}),
    Case("test-beside-source", "failed", "test in a docstring", {**SOURCE, NEW_TEST: DOCUMENTED}),
    Case("test-beside-source", "failed", "latest example", {**SOURCE, "examples/a/latest.py": "x = 1\n"}),
    Case("test-beside-source", "passed", "example's test", {**SOURCE, "examples/a/test_a.py": TEST}),
    Case("test-beside-source", "passed", "test added to", {**SOURCE, OLD_TEST: TEST + ONE.replace("one", "two")}),
    Case("test-beside-source", "quiet", "other line ends", {"src/op/gemm.cc": "int gemm() { return 1; }  // one\r\n"}),
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
    Case("test-footer", "passed", "other line ends", {NEW_TEST: crlf(TEST)}),
    Case("test-footer", "passed", "link", prepare=_linked(NEW_TEST, "test_tilelang_language_copy.py")),
    Case("test-collects", "quiet", "no new test", SOURCE),
    Case("test-collects", "passed", "link", prepare=_linked(NEW_TEST, "test_tilelang_language_copy.py")),
    Case("test-collects", "failed", "in a docstring", {NEW_TEST: DOCUMENTED + FOOTER}, says="no function test_"),
    Case("test-collects", "failed", "class made its own way", {NEW_TEST: f"class TestA:\n{MADE}"}),
    Case("test-collects", "passed", "class", {NEW_TEST: f"class TestA:\n{MADE}".replace("__init__", "helper")}),
    Case("test-collects", "passed", "class of unittest", {NEW_TEST: "class A(unittest.TestCase):\n    pass\n"}),
    Case("test-collects", "passed", "under a condition", {NEW_TEST: "if True:\n    def test_a(): ...\n"}),
    Case("test-collects", "passed", "imported", {NEW_TEST: "from other import test_a\n"}),
    Case("test-collects", "failed", "a module imported", {NEW_TEST: "from tilelang import testing\n"}),
    Case(
        "test-collects",
        "failed",
        "in the package",
        {"tilelang/tests/test_a.py": TEST},
        says="testing/python and examples",
    ),
    Case(
        "test-collects",
        "failed",
        "two new ones of a name",
        {"testing/python/jit/test_tilelang_a.py": TEST, "testing/python/op/test_tilelang_a.py": TEST},
        says="there is testing/python/jit/test_tilelang_a.py",
    ),
    Case("test-collects", "failed", "two examples", {"examples/a/test_a.py": TEST, "examples/b/test_a.py": TEST}),
    Case("test-collects", "passed", "example and test", {"examples/a/test_tilelang_language_copy.py": TEST}),
    Case("test-collects", "passed", "moved", prepare=_test_moved),
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
    _marks("named in a docstring", "passed", "'wgmma, T.ptx_mma'; x.cuda()"),
    Case("test-marks", "failed", "other marks for the file", {NEW_TEST: f"pytestmark = pytest.mark.perf\n{UNMARKED}"}),
    Case("test-marks", "quiet", "skipped as a file", {NEW_TEST: f"pytestmark = pytest.mark.skipif(x)\n{UNMARKED}"}),
    Case(
        "test-marks",
        "failed",
        "no such mark, by another name",
        {NEW_TEST: f"from tilelang import testing\n\n\n@testing.requires_blackwell\n{UNMARKED}"},
        says="no mark is called requires_blackwell",
    ),
    Case("test-marks", "failed", "other line ends", {NEW_TEST: crlf(UNMARKED)}),
    _marks("guarded inside", "quiet", "x.cuda(), pytest.skip(), f(target='cuda')"),
)
