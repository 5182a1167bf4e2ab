"""Scripts whose statements may fail: one that is well must do what it does in Python."""

from __future__ import annotations

import builtins
import contextlib
import importlib.machinery
import io
import sys
import textwrap
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scaffold.probe.standin.catching import copes_here
from scaffold.probe.standin.loops import Counts, Loops
from scaffold.probe.standin.packages import StandInPackages
from scaffold.probe.standin.passing_over import PassingOver
from scaffold.probe.standin.soft import Hooks, SoftFiles
from scaffold.probe.standin.users_files import UsersFiles


@dataclass
class Run:
    """What a script printed, what ended it, and what was passed over: line and message."""

    printed: str = ""
    ended_by: str | None = None
    passed_over: list[tuple[int, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)


class Softly:
    """Runs scripts with and without their statements made soft."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        self.pretended = True
        self.counts = Counts(0, 0, 0, 0)
        self.step: Callable[..., None] = print
        monkeypatch.syspath_prepend(str(folder))

    def path(self, source: str) -> Path:
        path = self.folder / "script.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    def plainly(self, source: str) -> Run:
        path = self.path(source)
        return self._run(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), path, Run())

    def softly(self, source: str) -> Run:
        path, run, files = self.path(source), Run(), SoftFiles()
        users = UsersFiles([str(self.folder)], str(self.folder / "tilelang"))
        judge = PassingOver(
            files,
            str(self.folder / "tilelang"),
            pretended=lambda: self.pretended,
            note=lambda error, failed: run.passed_over.append((failed.line, f"{error} <{failed.origin}>")),
            note_caught=lambda error, failed: run.passed_over.append((failed.line, f"{error}, caught")),
        )
        loops = Loops(lambda: self.counts, lambda line, _: run.cut.append(line))
        packages = StandInPackages(
            users, lambda frame: copes_here(ModuleNotFoundError(), frame, files.regions), self.folder
        )
        code = files.compile(path.read_bytes(), str(path))
        with self._unpatched():
            files.install(Hooks(judge.failed, judge.unknown, loops.looped, loops.entered, loops.again), users)
            packages.install()
            self._run(code, path, run)
        run.missing = list(packages.missing)
        return run

    @contextlib.contextmanager
    def _unpatched(self) -> Iterator[None]:
        """Take back what is put into this process."""
        loader: Any = importlib.machinery.SourceFileLoader
        before, finders, modules = loader.source_to_code, list(sys.meta_path), set(sys.modules)
        try:
            yield
        finally:
            loader.source_to_code = before
            sys.meta_path[:] = finders
            for name in set(sys.modules) - modules:
                del sys.modules[name]
            for name in [name for name in vars(builtins) if name.startswith("__scaffold")]:
                delattr(builtins, name)

    def _run(self, code: types.CodeType, path: Path, run: Run) -> Run:
        module = types.ModuleType("__main__")
        vars(module).update(__file__=str(path), softly=self)
        before = set(sys.modules)
        self._monkeypatch.setitem(sys.modules, "__main__", module)

        def execute() -> None:
            try:
                exec(code, vars(module))
            except BaseException as error:  # noqa: BLE001 - a script may end in any way
                run.ended_by = f"{type(error).__name__}: {error}"

        with contextlib.redirect_stdout(io.StringIO()) as printed:
            # Away from pytest's own frames, which catch what is raised above them.
            thread = threading.Thread(target=execute)
            thread.start()
            thread.join()
        run.printed = printed.getvalue()
        self._monkeypatch.undo()
        self._monkeypatch.syspath_prepend(str(self.folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(self.folder)):
                del sys.modules[name]
        return run


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Softly:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Softly(tmp_path, monkeypatch)


#: Healthy scripts, each with what softening could break.
HEALTHY = {
    "future, docstring and annotations": '''
        """Words."""
        from __future__ import annotations
        def f(x: Missing) -> Nowhere: return x
        print(__doc__, f.__annotations__, f(1))
    ''',
    "an error caught where it is raised": """
        try:
            {}["key"]
            print("not here")
        except KeyError as error:
            print("caught", error)
        else:
            print("nor here")
        finally:
            print("finally")
    """,
    "an error caught by a caller of a caller": """
        def deep(): return int("x")
        def middle():
            value = deep()
            print("not here", value)
        try:
            middle()
        except ValueError as error:
            print("caught", error)
    """,
    "an error raised on purpose, caught broadly": """
        def check(n):
            if n > 1:
                raise ValueError(f"{n} is too many")
            return n
        for n in range(4):
            try:
                print(check(n))
            except Exception as error:
                print("caught", error)
    """,
    "another kind of error passes a handler by": """
        def f():
            try:
                [][1]
            except KeyError:
                print("not here")
        try:
            f()
        except (TypeError, IndexError) as error:
            print(type(error).__name__)
    """,
    "an error raised again, and from another": """
        def f():
            try:
                1 / 0
            except ZeroDivisionError as error:
                raise RuntimeError("worse") from error
        try:
            f()
        except RuntimeError as error:
            print(error, type(error.__cause__).__name__)
    """,
    "return in try and finally": """
        def f():
            try:
                return "try"
            finally:
                print("finally")
        def g():
            for i in range(3):
                try:
                    continue
                finally:
                    print("step", i)
            else:
                return "else"
        print(f(), g())
    """,
    "suppress": """
        import contextlib
        with contextlib.suppress(ZeroDivisionError):
            print(1 / 0)
            print("not here")
        print("after")
    """,
    "context managers of its own that take errors": """
        from contextlib import contextmanager
        @contextmanager
        def forgiving():
            try:
                yield "inside"
            except LookupError as error:
                print("forgiven", error)
            finally:
                print("left")
        class Strict:
            def __enter__(self): return self
            def __exit__(self, kind, error, traceback):
                print("exit", kind and kind.__name__)
                return kind is ValueError
        def raises(kind): raise kind("x")
        with forgiving() as where:
            print(where)
            raises(KeyError)
            print("not here")
        with Strict():
            raises(ValueError)
            print("nor here")
    """,
    "iteration ends by StopIteration and IndexError": """
        class Count:
            def __init__(self, n): self.n, self.i = n, 0
            def __iter__(self): return self
            def __next__(self):
                if self.i == self.n:
                    raise StopIteration
                self.i += 1
                return self.i
        class Items:
            def __init__(self): self.items = [1, 2]
            def __getitem__(self, i): return self.items[i]
        print(list(Count(3)), list(Items()), [*zip(Count(2), Items())])
        it = iter(Count(1))
        print(next(it), next(it, "end"))
    """,
    "attributes that are not there": """
        class Lazy:
            def __getattr__(self, name): return vars(self)["known"][name]
            @property
            def broken(self): return self.__dict__.nothing
        class Plain:
            @property
            def gone(self): return self._gone
        print(hasattr(Plain(), "gone"), getattr(Plain(), "gone", "default"), hasattr(Lazy(), "broken") if 0 else "")
    """,
    "missing keys": """
        class Zeros(dict):
            def __missing__(self, key): return 0
        print(Zeros()["x"], {}.get("x"), {}.setdefault("y", 2))
    """,
    "generators, thrown into and closed": """
        def f():
            got = yield 1
            print("got", got)
            try:
                yield 2
            except ValueError as error:
                print("thrown", error)
            finally:
                print("closing")
            yield from (3, 4)
            return "done"
        g = f()
        print(next(g), g.send("sent"), g.throw(ValueError("in")), list(g))
        h = f(); next(h); h.close()
        def outer():
            print((yield from f()))
        print(list(outer()))
    """,
    "an error thrown into a generator passes it": """
        from contextlib import contextmanager
        @contextmanager
        def timed():
            print("start")
            yield
            print("not here")
        try:
            with timed():
                raise KeyError("k")
        except KeyError as error:
            print("through", error)
    """,
    "an error a library throws into a generator, and takes back": """
        import pathlib, sys
        from contextlib import contextmanager
        library = pathlib.Path(__file__).parent / "site-packages"
        library.mkdir(exist_ok=True)
        body = "    try:\\n        with context: raise KeyError('k')\\n    except KeyError: return 'through'\\n"
        (library / "uses.py").write_text("def use(context):\\n" + body)
        sys.path.insert(0, str(library))
        import uses
        @contextmanager
        def timed():
            print("start")
            yield
            print("not here")
        print(uses.use(timed()))
    """,
    "closures, nonlocal and global": """
        total = 0
        def counter():
            count = 0
            def step(by=1):
                global total
                nonlocal count
                count += by
                total += by
                return count
            return step
        step = counter()
        print(step(), step(3), total, step.__closure__[0].cell_contents, step.__code__.co_freevars)
    """,
    "names deleted": """
        x = 1
        del x
        def f():
            y = 2
            del y
            try:
                return y
            except UnboundLocalError:
                return "unbound"
        print(f(), "x" in globals())
    """,
    "what a scope holds": """
        def f(a):
            b = a + 1
            while b < 5:
                b += 1
            return sorted(locals())
        class C:
            x: int = 1
            for y in range(2): pass
        print(f(1), sorted(n for n in vars(C) if not n.startswith("__")), C.__annotations__)
        print(sorted(n for n in globals() if "scaffold" in n))
    """,
    "classes: enums, dataclasses, slots, metaclasses": '''
        import dataclasses, enum, typing
        class Color(enum.Enum):
            """Doc."""
            RED = 1
            GREEN = enum.auto()
            def lower(self): return self.name.lower()
        @dataclasses.dataclass(order=True)
        class Point:
            x: int
            y: int = 2
            tags: list = dataclasses.field(default_factory=list)
        class Slotted:
            __slots__ = ("a",)
        class Pair(typing.NamedTuple):
            a: int
            b: str = "b"
        class Meta(type):
            def __new__(mcs, name, bases, space): return super().__new__(mcs, name, bases, {**space, "made": name})
        class Made(metaclass=Meta): ...
        print(Color.__doc__, list(Color), Color.RED.lower(), Point(1), Pair(1), Made.made, Slotted.__slots__)
    ''',
    "decorators and defaults": '''
        import functools
        def twice(f):
            @functools.wraps(f)
            def inner(*args, **kwargs): return f(*args, **kwargs), f(*args, **kwargs)
            return inner
        @twice
        def f(a, *, b=[1]):
            """F."""
            b.append(a)
            return len(b)
        @functools.lru_cache(None)
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        class A:
            @staticmethod
            def s(): return "s"
            @classmethod
            def c(cls): return cls.__name__
        print(f(1), f.__doc__, fib(80), A.s(), A.c())
    ''',
    "control flow: walrus, match, while-else, for-else, chained comparison": """
        def kind(value):
            match value:
                case int(n) if n > 3: return f"big {n}"
                case [first, *rest]: return f"list {first} {rest}"
                case {"k": v}: return f"dict {v}"
                case _: return "other"
        print([kind(v) for v in (5, 1, [1, 2], {"k": 0})])
        n = 0
        while (m := n * 2) < 6:
            n += 1
            if n == 99: break
        else:
            print("else", m)
        for i in (1, 2):
            if i == 2: break
        else:
            print("not here")
        print(0 < n <= 3, (lambda *a, k=1: (a, k))(1, 2), {i: j for i, j in enumerate("ab")}, *{1})
    """,
    "recursion as deep as Python allows": """
        def depth(n):
            try:
                return depth(n + 1)
            except RecursionError:
                return n
        print(depth(0) > 100)
        def fact(n): return 1 if n == 0 else n * fact(n - 1)
        print(fact(30))
    """,
    "blocks inside one another as deep as Python allows": "print('deep')\n"
    + "".join(f"{'  ' * i}for i{i} in (0,):\n" for i in range(17))
    + "  " * 17
    + "print('bottom')\n",
    "an import that fails has an answer": """
        try:
            import surely_not_installed
        except ImportError:
            surely_not_installed = None
        try:
            from surely.not_there import thing
        except (ImportError, AttributeError):
            thing = "mine"
        import importlib.util
        print(surely_not_installed, thing, importlib.util.find_spec("surely_not_installed"))
    """,
    "star imports and modules beside it": """
        import sys, pathlib
        here = pathlib.Path(__file__).parent
        (here / "beside.py").write_text("__all__ = ['a']\\na = 1\\nb = 2\\n")
        from beside import *
        from os.path import *
        print(a, "b" in globals(), basename("x/y"))
    """,
    "async": """
        import asyncio
        async def work(n):
            await asyncio.sleep(0)
            if n == 2: raise ValueError(n)
            return n
        async def main():
            print(await asyncio.gather(*(work(n) for n in range(4)), return_exceptions=True))
            async with asyncio.timeout(5) if hasattr(asyncio, "timeout") else asyncio.Lock():
                try:
                    await work(2)
                except ValueError as error:
                    print("caught", error)
            async def numbers():
                for i in range(2): yield i
            print([i async for i in numbers()])
        asyncio.run(main())
    """,
    "threads that hand an error back": """
        from concurrent.futures import ThreadPoolExecutor
        def work(n): return 10 // n
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(work, n) for n in (1, 0)]
            for future in futures:
                try:
                    print(future.result())
                except ZeroDivisionError as error:
                    print("caught", error)
    """,
    "an exception of its own, with a group": """
        class Mine(Exception):
            def __init__(self, n): super().__init__(f"mine {n}"); self.n = n
        def f(): raise Mine(3)
        try: f()
        except Mine as error: print(error, error.n)
        kinds = (Mine, KeyError)
        try: f()
        except kinds as error: print("by a variable", error)
    """,
    "the traceback it prints": """
        import traceback
        def f(): return {}["no"]
        try:
            f()
        except KeyError:
            print(traceback.format_exc().replace(__file__, "FILE"))
    """,
    "its own source and frames": """
        import inspect, sys
        def f():
            # a comment
            return sys._getframe().f_lineno
        print(f(), inspect.signature(f))
    """,
    "exits": """
        import sys
        print("before")
        try:
            sys.exit(3)
        finally:
            print("cleanup")
    """,
    "with several managers and open files": """
        import pathlib, contextlib
        path = pathlib.Path(__file__).with_name("out.txt")
        with open(path, "w") as out, contextlib.closing(open(__file__)) as own:
            out.write(own.readline())
        with open(path) as lines:
            for line in lines:
                print(repr(line))
    """,
    "an iterator taken from inside its loop": """
        it = iter(range(6))
        for x in it:
            print(x, next(it))
            if x == 2: break
        print(list(it))
    """,
    "operators of its own": """
        class V:
            def __init__(self, v): self.v = v
            def __add__(self, other): return NotImplemented if not isinstance(other, V) else V(self.v + other.v)
            def __eq__(self, other): return self.v == other.v
            def __repr__(self): return f"V({self.v})"
            def __bool__(self): return bool(self.v)
        print(V(1) + V(2), V(0) or "empty")
        try: V(1) + 2
        except TypeError as error: print(type(error).__name__)
        try: V(1) == 2
        except AttributeError as error: print(error)
    """,
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("pretended", [False, True])
def test_healthy_script_does_the_same_softly(name: str, pretended: bool, scripts: Softly) -> None:
    plain = scripts.plainly(HEALTHY[name])
    scripts.pretended = pretended
    soft = scripts.softly(HEALTHY[name])
    assert soft.passed_over == []
    assert (soft.printed, soft.ended_by) == (plain.printed, plain.ended_by)
    assert plain.printed


#: Scripts that are not well: what is printed, and the lines passed over.
UNWELL = {
    "a statement that fails, and what it would have bound": (
        """
        a = 1 / 0
        b, (c, *d) = undefined
        import surely.not_here as e
        print(a, b, c, d, e.f)
        """,
        "<unknown a> <unknown b> <unknown c> <unknown d> <unknown surely.not_here.f>\n",
        [2, 3],
    ),
    "inside a function, the rest of it runs": (
        """
        def f(x):
            y = x.nothing
            if y.more > 3:
                print("as far as this")
            return {}["key"]
        print(f(3))
        """,
        "as far as this\n<unknown line 6>\n",
        [3, 6],
    ),
    "inside loops, conditions and contexts": (
        """
        for i in range(2):
            undefined()
            print("loop", i)
        if undefined:
            print("not here")
        with undefined as x:
            print("nor here")
        while undefined:
            pass
        print("after")
        """,
        "loop 0\nloop 1\nafter\n",
        [3, 5, 7, 9],
    ),
    "an error raised on purpose leaves its function": (
        """
        def f():
            for i in range(3):
                if i == 1:
                    raise ValueError("on purpose")
                print(i)
            print("not here")
        f()
        print("after")
        """,
        "0\nafter\n",
        [8],
    ),
    "a definition that fails": (
        """
        @undefined
        def f(): ...
        class C(undefined): ...
        def g(x=undefined): return 1
        print(f, C, g())
        """,
        "<unknown f> <unknown C> <unknown g()>\n",
        [3, 4, 5],
    ),
    "what an iterator would have given": (
        """
        def f(it):
            x = next(it)
            print("not here")
        f(iter(()))
        print("after")
        """,
        "after\n",
        [5],
    ),
    "recursion without an end": (
        """
        def f(n): f(n + 1); f(n + 1)
        f(0)
        print("after")
        """,
        "after\n",
        [2],
    ),
    "after a try statement, and in its handler": (
        """
        def f():
            try:
                a = 1
            except KeyError:
                pass
            b = {}["k"]
            try:
                {}[0]
            except KeyError:
                {}["other"]
            print("after", b)
        f()
        """,
        "after <unknown b>\n",
        [7, 11],
    ),
    "a handler that raises anew": (
        """
        def f():
            try:
                {}[0]
            except KeyError as error:
                raise RuntimeError("worse") from error
        f()
        print("after")
        """,
        "after\n",
        [7],
    ),
}


@pytest.mark.parametrize("name", UNWELL)
def test_statement_that_fails_is_passed_over(name: str, scripts: Softly) -> None:
    source, printed, lines = UNWELL[name]
    run = scripts.softly(source)
    assert (run.printed, run.ended_by) == (printed, None)
    assert list(dict.fromkeys(line for line, _ in run.passed_over)) == lines


REFERENCE = """
    def reference(): return 1 / 0
    try:
        print("before")
        print(reference())
        print("after")
    except Exception as error:
        print("caught", error)
"""


def test_broad_handler_gets_what_a_stand_in_has_no_part_in(scripts: Softly) -> None:
    scripts.pretended = False
    assert scripts.softly(REFERENCE).printed == "before\ncaught division by zero\n"


def test_broad_handler_around_the_whole_script_does_not_end_it_for_a_reference(scripts: Softly) -> None:
    run = scripts.softly(REFERENCE)
    assert run.printed == "before\n<unknown line 2>\nafter\n"
    assert [line for line, _ in run.passed_over] == [2]


def test_memory_that_ran_out_ends_the_script(scripts: Softly) -> None:
    run = scripts.softly("try: f = 1\nexcept KeyError: pass\ndef g(): raise MemoryError\ng()\nprint('not here')")
    assert (run.printed, run.ended_by, run.passed_over) == ("", "MemoryError: ", [])


def test_what_tilelang_calls_may_not_fail_softly(scripts: Softly) -> None:
    """An error there is the kernel's: made of an unknown value, it would be another kernel."""
    (scripts.folder / "tilelang").mkdir()
    (scripts.folder / "tilelang" / "__init__.py").write_text("from tilelang.jit import build\n")
    (scripts.folder / "tilelang" / "jit.py").write_text("def build(make):\n    return ('kernel', make())\n")
    (scripts.folder / "tilelang" / "testing.py").write_text("def main(test):\n    return test()\n")
    run = scripts.softly(
        """
        from tilelang import build
        from tilelang.testing import main
        def block():
            size = {}["BLOCK"]
            return size
        kernel = build(block)
        print(kernel, main(block))
        """
    )
    assert run.printed == "<unknown kernel> <unknown size>\n"
    assert [line for line, _ in run.passed_over] == [7, 5]


def test_packages_that_are_missing_are_told_and_where_their_values_went(scripts: Softly) -> None:
    run = scripts.softly(
        """
        import surely_missing.deep as s, json
        from also_missing import *
        from surely_missing import thing
        a, b = thing(json.dumps({}))
        size = a.shape
        print(int(size), bool(size), len(size), f"{size:>4}", size + 1, [*size])
        json.dumps(size, size)
        """
    )
    assert run.missing == ["surely_missing", "also_missing"]
    origin = "<surely_missing, which is not installed>"
    assert [(line, text.endswith(origin)) for line, text in run.passed_over] == [(5, True), (8, True)]
    assert run.printed.startswith("1 True 0 ? ")


def test_package_the_script_would_not_go_on_without_is_stood_in_for(scripts: Softly) -> None:
    source = "try: import surely_missing as s\nexcept ImportError: %s\nprint(s)\n"
    assert scripts.softly(source % "raise SystemExit('needs it')").missing == ["surely_missing"]
    assert scripts.softly(source % "s = None").printed == "None\n"


def test_what_comes_of_a_line_passed_over_says_which(scripts: Softly) -> None:
    run = scripts.softly("a = {}['k']\nb = a\nimport math\nmath.sqrt(b.c, 2)\n")
    assert run.passed_over[1] == (4, "math.sqrt() takes exactly one argument (2 given) <line 1, which was passed over>")


def test_package_beside_the_users_files_is_no_business_of_ours(scripts: Softly, tmp_path: Path) -> None:
    """What PyTorch tries to import must not be there."""
    other = scripts.folder / "site-packages"
    other.mkdir()
    (other / "library.py").write_text(
        "try:\n    import surely_missing\n    found = True\nexcept ImportError:\n    found = False\n"
    )
    run = scripts.softly(f"import sys; sys.path.insert(0, {str(other)!r}); import library; print(library.found)")
    assert (run.printed, run.missing) == ("False\n", [])


def test_module_of_the_users_is_soft_too(scripts: Softly) -> None:
    (scripts.folder / "beside.py").write_text("a = 1 / 0\nb = 2\n")
    run = scripts.softly("import beside\nprint(beside.a, beside.b)")
    assert run.printed == "<unknown a> 2\n"


LOOPS = """
    def computing():
        n = 0
        for n in range(10 ** 9):
            softly.step(%s)
        else:
            print("else")
        m = 0
        while m < 10 ** 9:
            m += 1
            softly.step(%s)
        return n < 10 ** 6 and m < 10 ** 6
    print(computing())
"""


@pytest.fixture
def clock(scripts: Softly, monkeypatch: pytest.MonkeyPatch) -> Softly:
    """A script may let time pass, and say what it did meanwhile."""
    now = [0.0]

    def step(compiled: int, launched: int, computed: int, guessed: int, seconds: float) -> None:
        now[0] += seconds
        was = scripts.counts
        scripts.counts = Counts(
            was.compiled + compiled, was.launched + launched, was.computed + computed, was.guessed + guessed
        )

    monkeypatch.setattr("scaffold.probe.standin.loops.time.monotonic", lambda: now[0])
    scripts.step = step
    return scripts


@pytest.mark.parametrize(
    ("step", "is_cut"),
    [
        ((0, 0, 1, 1, 0.5), True),
        ((0, 0, 0, 0, 5.0), False),
        ((0, 1, 1, 1, 3.0), True),
        ((0, 1, 1, 1, 0.1), False),
        ((0, 0, 1, 0, 0.25), True),
        ((0, 0, 1, 0, 0.1), False),
        ((1, 0, 1, 1, 25.0), False),
    ],
    ids=["reference", "no stand-in", "launches", "few launches", "known values", "few known values", "kernels"],
)
def test_loop_that_only_computes_is_cut_short(
    step: tuple[int, int, int, int, float], is_cut: bool, clock: Softly
) -> None:
    words = ", ".join(map(str, step))
    source = LOOPS.replace("10 ** 9", "10 ** 9" if is_cut else "50") % (words, words)
    run = clock.softly(source)
    assert run.cut == ([4, 9] if is_cut else [])
    assert run.printed == "else\nTrue\n"


def test_soft_file_that_is_no_python_raises_as_in_python(scripts: Softly) -> None:
    for source in ("def f(:\n", "return 1\n", "x = '\0'\n"):
        with pytest.raises((SyntaxError, ValueError)):
            SoftFiles().compile(source.encode(), "script.py")


def test_loop_of_few_long_rounds_is_not_cut_before_its_next_kernel(clock: Softly) -> None:
    step, kernel = "softly.step(0, 0, 1, 1, 2.5)", "softly.step(1, 0, 0, 0, 0)"
    run = clock.softly(f"for i in range(6):\n    {step}\n    {step}\n    if i % 2: {kernel}\nprint(i)\n")
    assert (run.cut, run.printed) == ([], "5\n")
