"""Packages that are not installed, stood in for: an import the kernel does not need must not stop the script."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from scaffold.probe.kernel import NOT_SOURCE
from scaffold.probe.standin.users_files import UsersFiles

#: How many folders below its project's a package is looked for.
_DEEPEST = 3

#: Frames of these files stand between an import statement and a finder.
_IMPORTING = ("<frozen importlib", importlib.__file__)


class UnknownArgumentError(TypeError):
    """TileLang needs a value of which nothing is known: the kernel made from it would not be the program's."""


class Unknown:
    """Something of which nothing is known. It takes any use and gives more of the same; as a number it is 1.

    ``origin`` says in words where it came from: ``fla, which is not installed``.
    TileLang gets no number for it: ``needed_by_compiler()`` says whether it is what runs now.
    """

    made = 0
    needed_by_compiler: Callable[[], bool] = staticmethod(lambda: False)

    def __init__(self, name: str, origin: str) -> None:
        Unknown.made += 1
        self.__dict__.update(__name__=name, __qualname__=name, _origin=origin)

    def _more(self, name: str) -> Unknown:
        return Unknown(f"{self.__dict__['__name__']}{name}", self.__dict__["_origin"])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._more(f".{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # A decorator gives back what it decorates.
        if len(args) == 1 and not kwargs and callable(args[0]) and not isinstance(args[0], Unknown):
            return args[0]
        return self._more("()")

    def __getitem__(self, _: Any) -> Any:
        return self._more("[]")

    def __setitem__(self, _: Any, __: Any) -> None: ...
    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None: ...
    def _taken_as(self, value: Any) -> Any:
        if Unknown.needed_by_compiler():
            raise UnknownArgumentError(f"{self.__dict__['__name__']} is unknown")
        return value

    def __iter__(self) -> Iterator[Any]:
        return iter(self._taken_as(()))

    def __len__(self) -> int:
        return int(self._taken_as(0))

    def __bool__(self) -> bool:
        return bool(self._taken_as(True))

    def __int__(self) -> int:
        return int(self._taken_as(1))

    __index__ = __int__

    def __float__(self) -> float:
        return float(self._taken_as(1.0))

    def __format__(self, _: str) -> str:
        return "?"

    def __repr__(self) -> str:
        return f"<unknown {self.__dict__['__name__']}>"

    def _same(self, *_: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __matmul__ = __rmatmul__ = _same
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __lshift__ = __rshift__ = __abs__ = __invert__ = _same
    __lt__ = __le__ = __gt__ = __ge__ = _same

    def __mro_entries__(self, _: Any) -> tuple[type, ...]:
        return (type("UnknownBase", (), {}),)


class _UnknownModule(ModuleType):
    """A module of unknowns."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Unknown(f"{self.__name__}.{name}", _not_installed(self))


def _not_installed(module: ModuleType) -> str:
    return f"{module.__name__.partition('.')[0]}, which is not installed"


def origin_of(value: object) -> str | None:
    """Where an unknown value came from, in words; ``None`` for one that is known."""
    if isinstance(value, _UnknownModule):
        return _not_installed(value)
    origin: str | None = vars(value)["_origin"] if isinstance(value, Unknown) else None
    return origin


def require_known(function: str, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of one of TileLang's functions that are unknown, or hold what is.

    Raises
    ------
    UnknownArgumentError
        For the first of them, with its name.
    """
    for name, value in arguments.items():
        if (origin := next(filter(None, map(origin_of, _parts(value))), None)) is not None:
            raise UnknownArgumentError(f"{name} of {function} is unknown (its input came from {origin})")


def _parts(value: Any) -> Iterator[Any]:
    """A value and all it is made of."""
    yield value
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _parts(item)


def _holder_of(package: str, project: Path) -> Path | None:
    """The one folder of a project, at most so deep in it, that holds a package or a module of that name."""
    found = []
    for depth in range(_DEEPEST + 1):
        for pattern in (f"{package}.py", f"{package}/*.py"):
            paths = project.glob("*/" * depth + pattern)
            found += [path.parents[pattern.count("/")] for path in paths if not _is_hidden(path, project)]
        if found:
            break
    return found[0] if len(set(found)) == 1 else None


def _is_hidden(path: Path, project: Path) -> bool:
    return any(name.startswith(".") or name in NOT_SOURCE for name in path.relative_to(project).parts)


class StandInPackages(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked last: what nobody found and a file of the user's imports becomes a module of unknowns.

    ``does_without(frame)`` says whether the script has an answer of its own where the import in ``frame`` fails.
    ``missing`` lists the packages that were stood in for. One that lies in ``project``, though nothing leads to it, is
    taken from there; ``found`` lists those with their folders.
    """

    def __init__(self, users: UsersFiles, does_without: Callable[[FrameType], bool], project: Path) -> None:
        self._users, self._does_without, self._project = users, does_without, project
        self.missing: dict[str, None] = {}
        self.found: dict[str, Path] = {}

    def install(self) -> None:
        sys.meta_path.append(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        del path, target
        top = name.partition(".")[0]
        # A part of a package that is there is missing for a reason; the user's own modules are looked for by path.
        if top not in self.missing and (top in sys.modules or not self._asked_by_user()):
            return None
        if top not in self.missing and (folder := _holder_of(top, self._project)) is not None:
            self.found[top] = folder
            sys.path.append(str(folder))
            self._users.add(str(folder))
            return importlib.machinery.PathFinder.find_spec(name)
        self.missing[top] = None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        return _UnknownModule(spec.name)

    def exec_module(self, module: Any) -> None: ...

    def _asked_by_user(self) -> bool:
        """Whether an import statement in a file of the user's asks; TileLang and PyTorch try imports on purpose."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename.startswith(_IMPORTING):
            if frame.f_globals.get("__name__") == "importlib.util":
                return False  # it only wants to know whether there is one
            frame = frame.f_back
        if frame is None:
            return False
        file = frame.f_code.co_filename
        # What TileLang's own test helpers import (pytest) is for tests, which do not run here.
        return "/tilelang/testing/" in file or (file in self._users and not self._does_without(frame))
