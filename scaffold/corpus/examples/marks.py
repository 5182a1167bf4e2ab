"""What the marks of a test, and the words of a path, say an example needs.

The marks are upstream's ``tilelang.testing`` and pytest's own.
Source: TileLang 0.1.8 to 0.1.15, ``tilelang/testing/__init__.py``; ``tvm/testing/utils.py`` for ``requires_package``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from scaffold.corpus.examples.model import Need

_VERSION_MARK = re.compile(r"requires_cuda_compute_version(?:_(ge|gt|le|lt|eq))?\Z")
_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "eq": "=="}

#: Marks without arguments.
_PLAIN_MARKS = {
    "requires_cuda": (("backend", "cuda"),),
    "requires_rocm": (("backend", "hip"),),
    "requires_cdna": (("backend", "hip"), ("condition", "a CDNA GPU")),
    "requires_metal": (("backend", "metal"),),
    "requires_cuda_or_cdna": (("backend", "cuda or hip"),),
    "requires_llvm": (("condition", "a TVM with LLVM"),),
}

#: Words of a path that name hardware, as upstream's folders and files use them.
_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(("amd", "hip", "rocm", "cdna", "cdna3"), (("backend", "hip"),)),
    "cdna4": (("backend", "hip"), ("arch", "gfx950")),
    "metal": (("backend", "metal"),),
    "ascend": (("backend", "ascend"),),
    "hopper": (("capability", "== 9.0"),),
    "blackwell": (("capability", ">= 10.0"),),
    # The fifth generation's tensor memory is on sm_100 to sm_110; sm_120 has none.
    **dict.fromkeys(("tcgen05", "tcgen5mma"), (("capability", ">= 10.0"), ("capability", "< 12.0"))),
}
_SM = re.compile(r"sm_?(\d{2,3})[af]?\Z")
_GFX = re.compile(r"gfx[0-9a-f]{3,4}\Z")


def needs_of_marks(decorators: Iterable[ast.expr], place: str) -> Iterator[Need]:
    """What decorators ask for; ``place`` names their test."""
    why = f"marked so: {place}"
    for decorator in decorators:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = ast.unparse(call.func if call else decorator)
        last = name.rpartition(".")[2]
        arguments = call.args if call else []
        if last in _PLAIN_MARKS:
            yield from (Need(kind, value, why) for kind, value in _PLAIN_MARKS[last])  # type: ignore[arg-type]
        elif match := _VERSION_MARK.match(last):
            if value := _capability(match.group(1), call):
                yield Need("backend", "cuda", why)
                yield Need("capability", value, why)
        elif _GFX.match(arch := last.removeprefix("requires_")) and last != arch:
            yield Need("backend", "hip", why)
            yield Need("arch", arch, why)
        elif last == "requires_package":
            yield from (Need("package", _text(item), why) for item in arguments)
        elif name.endswith("mark.skip"):
            yield Need("never", f"skipped by upstream: {_reason(call) or 'no reason given'}", why)
        elif name.endswith("mark.skipif") and call:
            yield from _skipif(call, why)


def expected_failure(decorators: Iterable[ast.expr]) -> str:
    """Why a test is marked ``xfail``; empty where it is not."""
    for decorator in decorators:
        call = decorator if isinstance(decorator, ast.Call) else None
        if ast.unparse(call.func if call else decorator).endswith("mark.xfail"):
            return _reason(call) or "marked xfail"
    return ""


def needs_of_path(path: str) -> Iterator[Need]:
    """What the words of a path (``examples/gemm_sm120/…``) ask for."""
    for word in dict.fromkeys(re.split(r"[^a-z0-9]+", PurePosixPath(path).with_suffix("").as_posix().lower())):
        found: Sequence[tuple[str, str]] = _WORDS.get(word, ())
        if match := _SM.match(word):
            found = _of_sm(int(match.group(1)))
        elif _GFX.match(word):
            found = (("backend", "hip"), ("arch", word))
        yield from (Need(kind, value, f"its path says {word}") for kind, value in found)  # type: ignore[arg-type]


def _of_sm(number: int) -> tuple[tuple[str, str], ...]:
    """Up to Ada what is written for one architecture runs on later ones; from Hopper on it is written for one."""
    major, minor = divmod(number, 10)
    if major < 9:
        return (("capability", f">= {major}.{minor}"),)
    if major == 9:
        return (("capability", "== 9.0"),)
    return (("capability", f">= {major}.0"), ("capability", f"< {major + 1}.0"))


def _capability(operator: str | None, call: ast.Call | None) -> str:
    """``>= 9.0``; empty where the mark is not written with numbers."""
    if call is None:
        return ""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    nodes = [*call.args, *(named[key] for key in ("major_version", "minor_version") if key in named)]
    numbers = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, int)]
    words = [node.value for node in [*call.args, *named.values()] if isinstance(node, ast.Constant)]
    mode = operator or next((word for word in words if isinstance(word, str)), "ge")
    if not numbers or mode not in _SIGNS:
        return ""
    minor = numbers[1] if len(numbers) > 1 else 0
    return f"{_SIGNS[mode]} {numbers[0]}.{minor}"


def _skipif(call: ast.Call, why: str) -> Iterator[Need]:
    """``skipif(torch.cuda.get_device_capability()[0] < 9)`` asks for ``>= 9.0``; others are left to the run."""
    condition = call.args[0] if call.args else None
    if isinstance(condition, ast.Compare) and len(condition.ops) == 1:
        left, bound = ast.unparse(condition.left), condition.comparators[0]
        opposite = {ast.Lt: ">=", ast.LtE: ">", ast.Gt: "<=", ast.GtE: "<", ast.NotEq: "=="}.get(type(condition.ops[0]))
        if "get_device_capability" in left and opposite and (value := _bound(bound, major_only=left.endswith("[0]"))):
            yield Need("capability", f"{opposite} {value}", why)
            return
    text = _reason(call) or (f"unless {ast.unparse(condition)}" if condition else "")
    yield Need("condition", text, why)


def _bound(node: ast.expr, *, major_only: bool) -> str:
    """``9`` and ``(9, 0)`` as ``9.0``; empty for anything else."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return ""
    if isinstance(value, int) and major_only:
        return f"{value}.0"
    return f"{value[0]}.{value[1]}" if isinstance(value, tuple) and len(value) == 2 else ""


def _reason(call: ast.Call | None) -> str:
    if call is None:
        return ""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if "reason" in named:
        return _text(named["reason"])
    is_skip = ast.unparse(call.func).endswith("mark.skip")
    return _text(call.args[0]) if is_skip and call.args else ""


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)
