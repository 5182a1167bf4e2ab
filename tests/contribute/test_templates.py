"""Every template in every case a user can make of it: what comes out is right for upstream, and runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scaffold.contribute.body import NOT_RUN, blocks, sections, unwritten
from scaffold.contribute.failing import FailingCase, render_repro
from scaffold.contribute.kinds import Kind, TemplateFile, checklists_folder, kinds, templates_folder
from scaffold.contribute.preflight.checklist import Item, parse_checklist
from scaffold.contribute.preflight.registry import RULES
from scaffold.contribute.program_split import split_program
from scaffold.contribute.script import script_of
from scaffold.contribute.skeleton import chosen, merged, render
from scaffold.contribute.titles import full_title, pascal_of, slug_of

Context = Mapping[str, Any]

#: Source: https://github.com/tile-ai/tilelang/blob/v0.1.13/pyproject.toml
UPSTREAM_RUFF = """
target-version = "py310"
line-length = 140
[format]
quote-style = "double"
[lint]
select = ["E", "W", "F", "UP", "FA", "B", "SIM"]
ignore = ["E402", "F405", "F403", "E741", "E501", "SIM108", "SIM118", "SIM115", "B019", "B905", "E902"]
[lint.per-file-ignores]
"**/testing/**.py" = ["UP", "FA"]
"**/examples/**.py" = ["UP", "FA"]
"""
#: What upstream's files hold that some kinds add to, as far as it matters here.
ADDED_TO = {
    "tilelang/transform/__init__.py": '"""Passes."""\n\nfrom . import _ffi_api\n\n\ndef Simplify():\n'
    "    return _ffi_api.Simplify()\n",
    "tilelang/language/common.py": 'from .fill_op import fill, clear  # noqa: F401\n\n__all__ = ("clear", "fill")\n',
    "docs/programming_guides/instructions.md": "# Instructions\n\n## Notes\n\nAs they are.\n",
}
HOSTILE = "Say \"no\" to 'it', `rm -rf /`, $(reboot), {{ 7 * 7 }}, \\n, \"\"\" and ''' in ünïcode ☃"
SCRIPT = """import sys

# a "quoted" line, 'another', a \\ and \"\"\" too; trailing blanks   \nprint('tab\\t', "ünïcode ☃")
if sys.argv:\n\traise ValueError("it's \\"wrong\\"")
"""
TITLES = {
    "plain": "Sum a fragment shorter than the block",
    "one-word": "Import",
    "digits": "2D copies of 4-byte rows",
    "longest": "Abcdefgh ijklmnop qrstuvwx yzabcdef ghij",
    "hostile": HOSTILE,
    "operator": "Add `T.fill_tail` for tiles that are not full",
}
DEFINES = "def main():\n    pass\n\n\nclass Table:\n    pass\n"
GUARDED = f'{DEFINES}\n\nif __name__ == "__main__":\n    main()\n'
PROGRAM = '''"""What this shows."""
import tilelang
import tilelang.language as T

SIZE = 8


@tilelang.jit
def pick(size=SIZE):
    return T.empty((size,))


# As it was reported.
kernel = pick()
if __name__ == "__main__":
    assert kernel is not None
'''


def failure_of(case: FailingCase) -> dict[str, Any]:
    return {"failing": case, "program": split_program(case.source)}


SCRIPTS = {
    "help": script_of("maint/scripts/compare.py", f"import argparse\np = argparse.ArgumentParser()\n{GUARDED}"),
    "run": script_of("maint/host_checks/01_it's.py", "print('as it is')\n"),
    "guarded": script_of("maint/host_checks/run_all.py", GUARDED),
    "import": script_of("examples/gemm/shapes.py", DEFINES),
    "module": script_of("tilelang/utils/shapes.py", DEFINES),
    "module-bare": script_of("tilelang/__init__.py", "from . import utils\n"),
    "no-python": script_of("maint/scripts/old.py", "print 'as it was'\n"),
    "shell": script_of("maint/scripts/a long name/" + "x" * 60 + ".sh", "set -e\n"),
    "text": script_of(".github/workflows/ci.yml", f"on: push\n\n# a \"quoted\" 'line' \\ of {'x' * 150}\n"),
    "text-empty": script_of("requirements.txt", ""),
}
MORE: dict[str, dict[str, Any]] = {
    "alone": {},
    "everything": {
        "issue": 2524,
        "subsystem": "Reduce",
        "kernels": ["gemm", "examples/a.py::b"],
        "targets": ["cuda:sm_90a", "c"],
        "pass_name": "LowerTileOp",
        "topic": "gemm",
    },
    "failure": failure_of(FailingCase(SCRIPT, "it's.py", stage="program", error='ValueError: it\'s "wrong"')),
    "failure-not-seen": {**failure_of(FailingCase("raise SystemExit(1)", "fails.py")), "issue": 7},
    "failure-split": failure_of(
        FailingCase(PROGRAM, "pick.py", stage="lower", number=2, error="Check failed: 1", pass_configs={"tl.a": True})
    ),
    "failure-of-tests": failure_of(FailingCase("def test_it():\n    raise ValueError\n", "test_it.py", stage="run")),
    "rocm": {"backend": "rocm", "area": "amd", "targets": ["hip:gfx942"]},
    "metal": {"backend": "metal", "area": "metal", "targets": ["metal"]},
    "cpu": {"backend": "cpu", "area": "cpu", "targets": ["c"]},
    "webgpu": {"backend": "webgpu"},
    "new-backend": {"backend": "my-npu"},
    "adopted": {
        "adopted": True,
        "changed": {"Compiler": ["`src/op/copy.cc`", "`src/op/copy.h` (new)"], "Tests": ["`testing/python/test_a.py`"]},
    },
    "adopted-little": {"adopted": True, "changed": {"Docs": ["`docs/index.md`"]}, "issue": 7},
    "pass-short": {"pass_name": "Fold"},
    "pass-long": {"pass_name": "HoistLoopInvariantAddressComputations"},
}
CASES = [
    *(pytest.param(title, {}, id=name) for name, title in TITLES.items()),
    *(pytest.param(TITLES["plain"], more, id=name) for name, more in MORE.items()),
    *(
        pytest.param(TITLES["longest"], MORE[name], id=f"longest-{name}")
        for name in ("rocm", "metal", "cpu", "failure")
    ),
    pytest.param(HOSTILE, {**MORE["everything"], **MORE["failure"]}, id="hostile-failure"),
]
#: Of those kinds alone that take a script.
SCRIPT_CASES = [
    *(
        pytest.param(TITLES[title], {"script": asdict(script)}, id=f"script-{name}-{title}")
        for name, script in SCRIPTS.items()
        for title in ("plain", "longest", "hostile")
    ),
    pytest.param(TITLES["plain"], {"script": asdict(SCRIPTS["help"]), "issue": 7}, id="script-issue"),
]


def cases_of(kind: Kind) -> list[Any]:
    return [*CASES, *(SCRIPT_CASES if "script?" in kind.asks else [])]


every_kind = pytest.mark.parametrize("kind", kinds().values(), ids=list(kinds()))
every_kind_and_case = pytest.mark.parametrize(
    ("kind", "title", "more"),
    [
        pytest.param(kind, *case.values, id=f"{case.id}-{name}")
        for name, kind in kinds().items()
        for case in cases_of(kind)
    ],
)


def context_of(kind: Kind, title: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a template may name, as ``new-pr`` would say it."""
    slug = slug_of(title)
    kernels = list(more.get("kernels", []))
    known: dict[str, Any] = {
        "title": title,
        "full_title": str(full_title(title, kind, more.get("subsystem", ""))),
        "slug": slug,
        "words": slug.replace("_", "-"),
        "pascal": pascal_of(slug),
        "kind": kind.name,
        "issue": None,
        "subsystem": "",
        "area": "language",
        "kernel": kernels[0] if kernels else "",
        "kernels": kernels,
        "targets": ["cuda:sm_90a"],
        "backend": "cuda",
        "pass_name": "",
        "topic": slug,
        "test_path": "",
        "script": {},
        "adopted": False,
        "changed": {},
        "failing": None,
        "program": None,
        "checkout_version": "0.1.13",
        "base_short": "8001cc4ccf61",
    }
    return {**known, **more}


def written(kind: Kind, context: Context) -> dict[str, tuple[TemplateFile, str]]:
    """Path -> template and text of what goes into the checkout, added to what is there where it is."""
    found = {}
    for file, path in chosen(kind.files, context):
        text = render(kind, file, {**context, "test_path": path if file.role == "test" else ""})
        if path in ADDED_TO:
            assert file.append, f"{path} is upstream's"
            text = merged(path, ADDED_TO[path], text)
        found[path] = (file, text)
    return found


def kept(kind: Kind, context: Context) -> dict[str, tuple[TemplateFile, str]]:
    tests = [path for path, (file, _) in written(kind, context).items() if file.role == "test"]
    context = {**context, "test_path": tests[0] if tests else ""}
    return {path: (file, render(kind, file, context)) for file, path in chosen(kind.kept, context)}


def written_tests(kind: Kind, context: Context) -> dict[str, str]:
    return {path: text for path, (file, text) in written(kind, context).items() if file.role == "test"}


def test_the_ten_kinds_are_there() -> None:
    assert set(kinds()) == {
        *("backend", "bugfix", "build-ci", "docs-fix", "example"),
        *("feature-op", "pass", "perf", "refactor", "test-only"),
    }


@every_kind
def test_each_kind_says_what_it_is(kind: Kind) -> None:
    assert kind.summary
    assert not kind.summary.endswith(".")
    assert kind.tag not in kind.tags
    assert "--title" in kind.example
    assert [file.path for file in kind.kept if file.role == "body"] == ["body.md"]
    assert all((kind.folder / file.template).is_file() for file in (*kind.files, *kind.kept))
    roles = {file.role for file in kind.files}
    assert ("test" in roles) == (kind.expects.test != "none")
    assert ("repro" in kind.evidence) == any(file.role == "repro" for file in kind.kept)
    if kind.expects.benchmark:
        assert "regression" in roles


@every_kind
def test_no_template_lies_there_unused(kind: Kind) -> None:
    named = {file.template for file in (*kind.files, *kind.kept)}
    templates = {path.name: path.read_text(encoding="utf-8") for path in kind.folder.glob("*.j2")}
    for name in set(templates) - named:
        assert any(f'"{kind.name}/{name}"' in text for text in templates.values()), name


def test_no_two_kinds_share_a_branch_or_a_first_tag() -> None:
    assert len({kind.branch for kind in kinds().values()}) == len(kinds())
    assert len({kind.tag for kind in kinds().values()}) == len(kinds())


@every_kind_and_case
def test_what_is_written_is_clean_text(kind: Kind, title: str, more: Context) -> None:
    context = context_of(kind, title, more)
    files = {**written(kind, context), **kept(kind, context)}
    for path, (_, text) in files.items():
        assert re.fullmatch(r"[\w./-]+", path, re.ASCII), path
        assert not path.startswith("/")
        assert ".." not in path
        assert text == text.rstrip() + "\n", path
        lines = [line for line in text.splitlines() if not line.strip().startswith(('"', "'"))]
        assert not [line for line in lines if line != line.rstrip()], path
        assert "\t" not in "".join(lines)
        assert "\r" not in text
        assert "Licensed to the Apache" not in text
        assert not re.search(r"\n\n\n\n", text), path
        assert "{%" not in text, path
        assert "{{" not in text or title == HOSTILE, path


@every_kind
@pytest.mark.parametrize("more", [*MORE.values(), {"script": asdict(SCRIPTS["shell"])}], ids=[*MORE, "script"])
def test_names_do_not_leave_their_folders(kind: Kind, more: Context) -> None:
    """What goes into the checkout lies where upstream has such files."""
    for path, (file, _) in written(kind, context_of(kind, TITLES["plain"], more)).items():
        folder = {
            "test": r"(testing/python/\w+|examples/\w+)/test_\w+\.py",
            "source": r"(src/transform/\w+\.cc|tilelang/[\w/]+\.py)",
            "wrapper": r"tilelang/[\w/]+\.py",
            "docs": r"docs/[\w/]+\.md",
            "example": r"examples/\w+/example_\w+\.py",
            "regression": r"examples/\w+/regression_\w+\.py",
        }[file.role]
        assert re.fullmatch(folder, path), path


@every_kind_and_case
def test_python_parses_on_upstreams_oldest(kind: Kind, title: str, more: Context) -> None:
    context = context_of(kind, title, more)
    for path, (_, text) in {**written(kind, context), **kept(kind, context)}.items():
        if path.endswith(".py"):
            ast.parse(text, feature_version=(3, 10))


@every_kind
def test_ruff_has_nothing_to_say_at_upstreams_settings(kind: Kind, tmp_path: Path) -> None:
    for case in cases_of(kind):
        title, more = case.values
        assert isinstance(title, str)
        assert isinstance(more, dict)
        context = context_of(kind, title, more)
        for folder, files in (("checkout", written(kind, context)), ("kept", kept(kind, context))):
            for path, (_, text) in files.items():
                if path.endswith(".py"):
                    to = tmp_path / str(case.id) / folder / path
                    to.parent.mkdir(parents=True, exist_ok=True)
                    to.write_text(text, encoding="utf-8", newline="")
    config = tmp_path / "ruff.toml"
    config.write_text(UPSTREAM_RUFF, encoding="utf-8")
    ruff = (sys.executable, "-m", "ruff")
    for words in (("check", "--output-format", "concise"), ("format", "--diff")):
        command = [*ruff, *words, "--no-cache"]
        ran = subprocess.run(
            [*command, "--config", str(config), str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, (ran.stdout + ran.stderr)[:4000]


@every_kind_and_case
def test_tests_are_whole(kind: Kind, title: str, more: Context) -> None:
    """They assert, say which GPU they need, need none in one test at least, and run by themselves."""
    for path, text in written_tests(kind, context_of(kind, title, more)).items():
        tree = ast.parse(text)
        tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        marks = {node.name: [ast.unparse(mark) for mark in node.decorator_list] for node in tests}
        assert tests, path
        assert len({node.name for node in tests}) == len(tests)
        if more.get("failing"):
            continue  # its own program, on the device that it needs
        assert [name for name, lines in marks.items() if not any("requires_" in line for line in lines)], path
        assert set(re.findall(r"requires_\w+", text)) <= {"requires_cuda", "requires_rocm", "requires_metal"}
        assert re.search(r"assert_close|assert_structural_equal|example\.check_|^\s+assert ", text, re.MULTILINE)
        assert any("parametrize" in line for lines in marks.values() for line in lines) or "_CASES" in text
        assert not re.search(r"TODO|FIXME|NotImplementedError", text)
        assert text.endswith('\n\nif __name__ == "__main__":\n    tilelang.testing.main()\n')


@every_kind
def test_two_of_a_kind_fit_into_one_file(kind: Kind) -> None:
    """Functions carry the slug, so that a second case can be added to the first one's file."""
    first = written_tests(kind, context_of(kind, "Sum short rows", {}))
    second = written_tests(kind, context_of(kind, "Sum long rows", {}))
    for (path, old), new in zip(first.items(), second.values(), strict=True):
        both = ast.parse(merged(path, old, new))
        bound = [
            name
            for node in both.body
            for name in (
                [node.name]
                if isinstance(node, ast.FunctionDef)
                else [target.id for target in node.targets if isinstance(target, ast.Name)]
                if isinstance(node, ast.Assign)
                else []
            )
        ]
        assert len(bound) == len(set(bound)) or {"pytestmark"} == {name for name in bound if bound.count(name) > 1}


@every_kind_and_case
def test_a_body_is_one_that_preflight_and_evidence_can_read(kind: Kind, title: str, more: Context) -> None:
    context = context_of(kind, title, more)
    _, body = kept(kind, context)["body.md"]
    names = set(blocks(body))
    assert names <= {"summary", "validation", "performance", "ir", "environment", "not-tested"}
    assert body.count("<!-- evidence:") == len(names) == body.count("<!-- end evidence -->")
    assert set(blocks(body).values()) <= {NOT_RUN}
    assert body.count("<!-- write:") == len(unwritten(body)) > 0
    assert "\n\n\n" not in body
    assert sections(body)[0] == "Summary"
    assert len(set(sections(body))) == len(sections(body))
    assert (f"Fixes #{context['issue']}\n" in body) == bool(context["issue"])
    assert ("performance" in names) == ("bench" in kind.evidence)
    assert "validation" in names or not kind.evidence
    assert "not-tested" in names


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "",
        'a "b"',
        "it's",
        "'\"",
        "''\"",
        '\\"',
        "\\'",
        "\\",
        "\\\\'",
        "é☃",
        "\x1b[0m",
        "\u2028",
        "{{ x }}",
        "#",
    ],
)
def test_a_literal_is_the_text_and_as_ruff_would_quote_it(text: str) -> None:
    shown = _shared("names.j2", "literal")(text)
    assert ast.literal_eval(shown) == text
    preferred = "'" if text.count('"') > text.count("'") else '"'
    assert shown[0] == shown[-1] == preferred


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("LowerTileOp", "lower_tile_op"),
        ("tl.FoldCasts", "fold_casts"),
        ("InjectPTXAsyncCopy", "inject_ptx_async_copy"),
        ("Fold", "fold"),
        ("lower_it", "lower_it"),
        ("Lower2D", "lower2_d"),
    ],
)
def test_a_pass_gives_its_files_their_names(name: str, snake: str) -> None:
    assert _shared("names.j2", "snake")(name) == snake


def _shared(template: str, macro: str) -> Any:
    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    function = getattr(environment.get_template(f"_shared/{template}").module, macro)
    return lambda text: str(function(text)).strip("\n")


@pytest.mark.parametrize("name", ["Fold", "RemoveSelfStore", "HoistLoopInvariantAddressComputations"])
def test_a_pass_is_registered_under_the_name_its_wrapper_and_test_use(name: str) -> None:
    files = written(kinds()["pass"], context_of(kinds()["pass"], TITLES["plain"], {"pass_name": name}))
    source, wrapper, test = (text for _, text in files.values())
    assert re.search(rf'def\(\s*"tl\.transform\.{name}",\s+transform::{name}\)', source)
    assert f'"tl.{name}"' in source
    assert f"def {name}():" in wrapper
    assert f"_ffi_api.{name}()" in wrapper
    assert f"tilelang.transform.{name}()(mod)" in test
    assert max(map(len, source.splitlines())) <= 80


@pytest.mark.parametrize("backend", ["cuda", "hip", "metal", "webgpu", "cpu", "c", "my-npu"])
def test_a_backend_is_launched_with_threads_where_its_dialect_has_them(backend: str) -> None:
    """Since TileLang 0.1.15 the shared ``T.Kernel``, and so a new dialect's and the CPU's, takes the grid alone."""
    kind = kinds()["backend"]
    (text,) = written_tests(kind, context_of(kind, TITLES["plain"], {"backend": backend})).values()
    assert ("threads=threads" in text) == (backend in ("cuda", "hip", "metal", "webgpu"))


@pytest.mark.parametrize("source", [SCRIPT, "print(1)", "print(1)\n", "a = '''\n\n  x\n'''\n", "# é\r\nx = 1\r\n"])
def test_a_repro_holds_the_script_as_it_was(source: str) -> None:
    kind = kinds()["bugfix"]
    _, text = kept(kind, context_of(kind, TITLES["plain"], failure_of(FailingCase(source, "x.py"))))["repro.py"]
    (value,) = (
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PROGRAM"
    )
    program = eval(compile(ast.Expression(value), "repro", "eval"))
    assert program.splitlines() == source.splitlines()


ON_GPU = {"device": "cuda"}


@pytest.mark.parametrize(
    ("stage", "lowered", "ran", "code", "line"),
    [
        pytest.param("run", None, {**ON_GPU, "error": "wrong at 7", "stage": "run"}, 1, "reproduces: wrong at 7"),
        pytest.param("run", None, ON_GPU, 0, "does not reproduce"),
        pytest.param("run", None, {**ON_GPU, "error": "x"}, 2, "cannot tell: another error: x"),
        pytest.param("run", None, {"device": ""}, 2, "cannot tell: no cuda device here"),
        pytest.param(
            "lower", {"kernel": 2, "error": "wrong at 4", "stage": "lower"}, None, 1, "reproduces: wrong at 3"
        ),
        pytest.param("lower", {"kernel": 2}, None, 0, "does not reproduce"),
        pytest.param("lower", {}, None, 2, "cannot tell: the program ended before kernel 2 was compiled"),
        pytest.param("", {"error": "x", "stage": "lower"}, None, 1, "reproduces: x"),
        pytest.param("", ON_GPU, {**ON_GPU, "error": "x", "stage": "run"}, 1, "reproduces: x"),
        pytest.param("", ON_GPU, {**ON_GPU, "error": "no module"}, 2, "cannot tell: another error: no module"),
        pytest.param("", {"device": "", "error": "no module"}, None, 2, "cannot tell: no module"),
    ],
)
def test_a_repro_compares_the_failure_that_was_recorded(
    stage: Any,
    lowered: Any,
    ran: Any,
    code: int,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TILELANG_DISABLE_CACHE", "1")  # the repro sets it for good
    error, number = ("wrong at 3", 2) if stage else ("", 0)
    case = FailingCase("print(1)\n", "x.py", stage=stage, number=number, error=error, device="cuda")
    names: dict[str, Any] = {"__name__": "repro"}
    exec(compile(render_repro(case, "It fails"), "repro.py", "exec"), names)
    names["examine"] = {"lower": lowered, "run": ran}.__getitem__
    assert (names["main"](), capsys.readouterr().out) == (code, f"{line}\n")


@pytest.mark.parametrize("more", ["alone", "failure", "failure-split"])
def test_a_repro_says_when_there_is_nothing_to_run_it_on(more: str, tmp_path: Path) -> None:
    kind = kinds()["bugfix"]
    path = tmp_path / "repro.py"
    path.write_text(kept(kind, context_of(kind, HOSTILE, MORE[more]))["repro.py"][1], encoding="utf-8")
    ran = subprocess.run([sys.executable, "-I", "-S", str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stdout.startswith("cannot tell: No module named")


LISTS = sorted(checklists_folder().glob("*.md"))


def items_of(path: Path) -> tuple[Item, ...]:
    return parse_checklist(path.read_text(encoding="utf-8"))


@every_kind
def test_every_kind_has_a_checklist(kind: Kind) -> None:
    assert kind.checklist in LISTS


def test_ids_of_items_are_unique_over_all_lists() -> None:
    ids = [item.id for path in LISTS for item in items_of(path)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_a_checklist_is_one_that_preflight_can_read(path: Path) -> None:
    assert path.stem in {*kinds(), "review"}
    text = path.read_text(encoding="utf-8")
    items = items_of(path)
    assert text.startswith(f"# Checklist: {path.stem}\n\n")
    assert 6 <= len(items) <= 12
    assert text.count("\n### ") == len(items)
    assert {item.id[:2] for item in items} == {items[0].id[:2]}
    assert [item.id[2:] for item in items] == [f"{n:02}" for n in range(1, len(items) + 1)]
    for item in items:
        assert all((item.why, item.check, item.upstream)), item.id
        assert not item.text.endswith("."), item.id
        assert re.fullmatch(
            r"\[.+\]\(https://github\.com/tile-ai/tilelang/(blob/v0\.1\.13/[\w./-]+|(pull|issues)/\d+)\)", item.upstream
        ), item.id
        assert not item.rule or item.rule in RULES, item.id
    ticked = [item.rule for item in items if item.rule]
    assert len(ticked) == len(set(ticked))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_verbs_a_checklist_names_are_there(path: Path) -> None:
    verbs = {module.stem.replace("_", "-") for module in (templates_folder().parent / "scaffold" / "cli").glob("*.py")}
    for item in items_of(path):
        for verb in re.findall(r"python -m scaffold ([\w-]+)", item.check):
            assert verb in verbs, item.id
        for rule in re.findall(r"preflight --only ([\w.-]+)", item.check):
            assert rule in RULES, item.id
            assert item.rule == rule, item.id
        for step in re.findall(r"evidence --only ([\w-]+)", item.check):
            assert path.stem == "review" or step in kinds()[path.stem].evidence, item.id


def test_the_readme_lists_what_a_template_may_name() -> None:
    text = (templates_folder() / "README.md").read_text(encoding="utf-8")
    for name in context_of(kinds()["bugfix"], TITLES["plain"], {}):
        assert f"`{name}`" in text, name
