"""What a bundle does without when it would be too large: steps in the order they are taken."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.builds.bundle.manifest import File, LeftOut, Stripped, Tree, Wheel
from scaffold.builds.bundle.objects import ObjectFolder
from scaffold.builds.bundle.wheel_file import with_record

#: Wheels whose own files are the thing under study: only what is named below goes.
_UNDER_STUDY = ("tilelang", "tilelang-scaffold", "apache-tvm-ffi")
_TESTS = re.compile(r"(^|/)tests/|(^|/)mpl-data/sample_data/")
_SOURCES = re.compile(r"\.(a|pyi|pyx|pxd|c|cpp|h|hpp)\Z|(^|/)sboms?/")
_Z3 = re.compile(r"\.data/data/bin/z3\Z|^z3/include/")
_TVM_SOURCES = re.compile(r"^tilelang/3rdparty/tvm/src/")
_SEED_WHEEL = re.compile(r"^virtualenv/seed/wheels/embed/(?P<name>\w+)-(?P<version>[\d.]+)-.*\.whl\Z")
_FONTS = re.compile(r"^matplotlib/mpl-data/fonts/(?!ttf/(DejaVuSans|LastResort))")
_PILLOW = re.compile(r"^PIL/_(avif|webp|imagingcms)\.|^pillow\.libs/lib(avif|webp\w*|sharpyuv|lcms2)-")
#: fontTools has each of its compiled modules in Python, too.
_FONT_TOOLS = re.compile(r"^fontTools/.*\.so\Z")
_PICTURES = re.compile(r"^docs/img/")
_SCIPY = re.compile(r"^scipy(\.libs)?/")


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle, as far as it can be made smaller."""

    wheels: tuple[Wheel, ...]
    trees: tuple[Tree, ...]
    left_out: tuple[LeftOut, ...] = ()
    stripped: tuple[Stripped, ...] = ()

    def digests(self) -> set[str]:
        return {item.sha256 for holder in self.holders for item in holder.files}

    @property
    def holders(self) -> tuple[Wheel | Tree, ...]:
        return (*self.wheels, *self.trees)


@dataclass(frozen=True)
class Step:
    """One thing to do without: its name, and which paths go, of all those in a wheel of that name or tree."""

    what: str
    gone: Callable[[str, Sequence[str]], set[str]]


def _matching(what: str, pattern: re.Pattern[str], holders: Callable[[str], bool]) -> Step:
    return Step(what, lambda holder, paths: {path for path in paths if holders(holder) and pattern.search(path)})


def _foreign(holder: str) -> bool:
    return holder not in _UNDER_STUDY and holder != "kit" and not holder.startswith("builds/")


def _only(name: str) -> Callable[[str], bool]:
    return lambda holder: holder == name


def _older_seed_wheels(holder: str, paths: Sequence[str]) -> set[str]:
    """Wheels virtualenv carries for Pythons the kit does not support: those it has a newer version of."""
    found = [match for match in map(_SEED_WHEEL.match, paths) if match and holder == "virtualenv"]
    newest = {
        name: max(_numbers(item) for item in found if item["name"] == name) for name in {i["name"] for i in found}
    }
    return {item.string for item in found if _numbers(item) < newest[item["name"]]}


def _numbers(match: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part) for part in match["version"].split("."))


STEPS: tuple[Step, ...] = (
    _matching("tests and sample data of dependencies", _TESTS, _foreign),
    _matching("headers, static libraries, sources and type stubs of dependencies", _SOURCES, _foreign),
    _matching("z3's program and headers", _Z3, _only("z3-solver")),
    _matching("TVM's C++ sources, which nothing reads at run time", _TVM_SOURCES, _only("tilelang")),
    Step("virtualenv's pip and setuptools for Python 3.9", _older_seed_wheels),
    _matching("fonts that no report uses", _FONTS, _only("matplotlib")),
    _matching("Pillow's AVIF, WebP and colour management, which no report uses", _PILLOW, _only("pillow")),
    _matching("compiled parts of fontTools, which has them in Python too", _FONT_TOOLS, _only("fonttools")),
    _matching("pictures of the kit's documents", _PICTURES, _only("kit")),
    _matching("SciPy, which only bench needs", _SCIPY, _only("scipy")),
)

#: The last step is another kind: it changes files.
STRIP = "symbols of TileLang's and TVM's libraries (their sha256 differ from the release's)"


def apply_step(step: Step, contents: Contents, objects: ObjectFolder) -> Contents:
    """Take out what ``step`` names; the same contents where that is nothing."""
    gone: list[File] = []

    def kept(holder: str, files: Iterable[File]) -> tuple[File, ...]:
        listed = tuple(files)
        paths = step.gone(holder, [item.path for item in listed])
        gone.extend(item for item in listed if item.path in paths)
        return tuple(item for item in listed if item.path not in paths)

    wheels = []
    for wheel in contents.wheels:
        files = kept(wheel.name, wheel.files)
        wheels.append(wheel if len(files) == len(wheel.files) else replace(wheel, files=with_record(files, objects)))
    trees = [replace(tree, files=kept(tree.path, tree.files)) for tree in contents.trees]
    if not gone:
        return contents
    left_out = LeftOut(step.what, len(gone), sum(objects.path(item.sha256).stat().st_size for item in gone))
    return replace(contents, wheels=tuple(wheels), trees=tuple(trees), left_out=(*contents.left_out, left_out))


def strip_libraries(contents: Contents, objects: ObjectFolder) -> Contents:
    """Take the symbols out of libraries under study with ``strip``; the same contents where that is not there."""
    program = shutil.which("strip")
    if program is None:
        return contents
    done: dict[str, str] = {}
    stripped: list[Stripped] = []

    def smaller(holder: str, item: File) -> File:
        if _foreign(holder) or ".so" not in item.path or not objects.is_native(item.sha256):
            return item
        if item.sha256 not in done:
            done[item.sha256] = _strip(program, item.sha256, objects)
        if done[item.sha256] == item.sha256:
            return item
        stripped.append(_record(f"{holder}: {item.path}", item.sha256, done[item.sha256], objects))
        return replace(item, sha256=done[item.sha256])

    wheels = []
    for wheel in contents.wheels:
        files = tuple(smaller(wheel.name, item) for item in wheel.files)
        wheels.append(wheel if files == wheel.files else replace(wheel, files=with_record(files, objects)))
    trees = [replace(tree, files=tuple(smaller(tree.path, item) for item in tree.files)) for tree in contents.trees]
    return replace(contents, wheels=tuple(wheels), trees=tuple(trees), stripped=(*contents.stripped, *stripped))


def _strip(program: str, digest: str, objects: ObjectFolder) -> str:
    """The digest of the library without symbols, or its own where ``strip`` cannot, or gains nothing."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "library.so"
        finished = subprocess.run(
            [program, "--strip-unneeded", "-o", str(target), str(objects.path(digest))],
            capture_output=True,
            check=False,
        )
        if finished.returncode != 0 or target.stat().st_size >= objects.path(digest).stat().st_size:
            return digest
        return objects.add(target.read_bytes())


def _record(path: str, origin: str, digest: str, objects: ObjectFolder) -> Stripped:
    return Stripped(path, origin, objects.path(origin).stat().st_size, digest, objects.path(digest).stat().st_size)


def largest(sizes: Mapping[str, int], count: int = 8) -> list[str]:
    """Lines that name the largest of ``sizes`` (bytes), largest first."""
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:count]
    return [f"{size / 1024**2:6.1f} MiB  {name}" for name, size in ranked]
