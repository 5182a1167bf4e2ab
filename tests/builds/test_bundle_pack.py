"""Bundles made: the same bytes from the same input, as small as asked, with wheels for another Python."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bundlekit import NOISE, Bundler, make_wheel

from scaffold.builds.bundle.file import BundleFile
from scaffold.builds.bundle.manifest import File, Wheel, decode_manifest, encode_manifest, is_inside
from scaffold.builds.bundle.objects import ObjectFolder
from scaffold.builds.bundle.reduce import STEPS, Contents, strip_libraries
from scaffold.builds.bundle.resolve import Resolver
from scaffold.builds.bundle.target import Target
from scaffold.builds.bundle.trees import import_paths, source_build_tree
from scaffold.builds.bundle.wheel_file import glibc_of, name_and_version, read_wheel, with_record, write_wheel
from scaffold.builds.environment import Environment
from scaffold.cli import run_bundle
from scaffold.cli.bundle import _bytes
from scaffold.errors import BundleFileError, BundleTooLargeError, EnvironmentProblem, UsageError
from scaffold.progress import Progress

LINUX_310 = Target("3.10", "manylinux_2_28_x86_64")


@pytest.fixture
def bundler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundler:
    return Bundler(tmp_path, monkeypatch)


def test_the_same_input_makes_the_same_bytes(bundler: Bundler) -> None:
    first, second = bundler("a.tlbundle"), bundler("b.tlbundle")
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_file_that_two_wheels_have_travels_once(bundler: Bundler) -> None:
    once = bundler(extra=[("one", {"one/noise.bin": NOISE})])
    twice = bundler(extra=[("one", {"one/noise.bin": NOISE}), ("two", {"two/noise.bin": NOISE})])
    assert twice.size - once.size < len(NOISE) / 10


def test_max_size_leaves_out_tests_first_and_says_so(bundler: Bundler) -> None:
    extra = [("numpy", {"numpy/tests/noise.bin": NOISE, "numpy/a.h": NOISE[::-1], "numpy/__init__.py": b""})]
    whole = bundler(extra=extra)
    assert whole.manifest.left_out == ()
    fitting = bundler(extra=extra, max_bytes=whole.size - len(NOISE) // 2)
    assert [item.what for item in fitting.manifest.left_out] == [STEPS[0].what]
    assert fitting.size <= whole.size - len(NOISE) // 2
    wheel = fitting.manifest.wheel("numpy-1.0-py3-none-any.whl")
    assert "numpy/tests/noise.bin" not in [item.path for item in wheel.files]
    assert "numpy/a.h" in [item.path for item in wheel.files]


def test_what_does_not_fit_names_the_largest_and_what_to_leave_out(bundler: Bundler) -> None:
    with pytest.raises(BundleTooLargeError) as caught:
        bundler(extra=[("large", {"large/noise.bin": NOISE})], max_bytes=10_000)
    largest = str(caught.value.context["largest, compressed"]).splitlines()
    assert "large 1.0" in largest[0]
    assert "--no-tests" in str(caught.value.hint)
    assert not list(bundler.folder.glob("*.tlbundle")), "nothing half-made is left"
    assert not list((bundler.folder / "packing/tmp").iterdir())


def test_a_record_lists_just_what_is_left(tmp_path: Path) -> None:
    objects = ObjectFolder(tmp_path / "objects")
    wheel = read_wheel(make_wheel(tmp_path, "some", "1.0", {"some/a.py": b"a = 1\n", "some/tests/b.py": b""}), objects)
    files = with_record([item for item in wheel.files if "/tests/" not in item.path], objects)
    record = objects.read(next(item.sha256 for item in files if item.path.endswith("RECORD"))).decode()
    rows = {path: (digest, size) for path, digest, size in csv.reader(io.StringIO(record))}
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"a = 1\n").digest()).decode().rstrip("=")
    assert rows.keys() == {item.path for item in files}
    assert rows["some/a.py"] == (f"sha256={digest}", "6")


def test_a_wheel_taken_apart_is_put_together_with_its_modes(tmp_path: Path) -> None:
    objects = ObjectFolder(tmp_path / "objects")
    files = (File("a/run", objects.add(b"x"), executable=True), File("a/read", objects.add(b"y")))
    made = write_wheel(Wheel("a-1.0-py3-none-any.whl", "a", "1.0", "0" * 64, files), objects, tmp_path)
    assert {item.path: item.executable for item in read_wheel(made, objects).files} == {"a/run": True, "a/read": False}


def test_stripping_keeps_both_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "strip"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "\\177ELF small" > "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    objects = ObjectFolder(tmp_path / "objects")
    large = b"\x7fELF with symbols"
    wheels = tuple(
        read_wheel(make_wheel(tmp_path, name, "1.0", {f"{name}/lib/lib{name}.so": large}), objects)
        for name in ("tilelang", "numpy")
    )
    contents = strip_libraries(Contents(wheels, ()), objects)
    (record,) = contents.stripped
    assert (record.path, record.origin_sha256) == (
        "tilelang: tilelang/lib/libtilelang.so",
        hashlib.sha256(large).hexdigest(),
    )
    assert objects.read(record.sha256) == b"\x7fELF small"
    assert contents.wheels[1] == wheels[1], "what is not under study keeps its bytes"


class Index(Environment):
    """Answers what pip would choose from a table of projects and their requirements."""

    projects: dict[str, list[str]]
    asked: list[list[str]]

    def would_install(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        wanted = [argument for argument in arguments if not argument.startswith("-")]
        self.asked.append(wanted)
        names = [requirement.partition("=")[0].partition("<")[0].partition(">")[0] for requirement in wanted]
        return [
            {
                "metadata": {"name": name, "version": "1.0", "requires_dist": self.projects[name]},
                "download_info": {
                    "url": f"https://files.invalid/{name}-1.0%2Bcpu-py3-none-any.whl",
                    "archive_info": {"hashes": {"sha256": "0" * 64}},
                },
            }
            for name in names
        ]


def index(tmp_path: Path, projects: dict[str, list[str]]) -> Index:
    made = Index(tmp_path, Progress(verbosity=-1))
    made.projects, made.asked = projects, []
    return made


def test_resolve_judges_markers_for_the_python_of_the_bundle(tmp_path: Path) -> None:
    environment = index(
        tmp_path,
        {
            "pytest": ['exceptiongroup; python_version < "3.11"', 'colorama; sys_platform == "win32"', "pluggy<2,>=1"],
            "exceptiongroup": [],
            "pluggy": ['coverage; extra == "testing"'],
        },
    )
    chosen = Resolver(environment, LINUX_310, tmp_path).resolve(["pytest>=8"])
    assert [choice.name for choice in chosen] == ["exceptiongroup", "pluggy", "pytest"]
    assert "pluggy<2,>=1" in environment.asked[-1]
    assert chosen[0].file == "exceptiongroup-1.0+cpu-py3-none-any.whl"


def test_resolve_keeps_pytorch_out_and_what_only_it_needs(tmp_path: Path) -> None:
    environment = index(
        tmp_path, {"tilelang": ["torch", "ext[fast]"], "ext": ["torch", 'quick; extra == "fast"'], "quick": []}
    )
    chosen = Resolver(environment, LINUX_310, tmp_path).resolve(
        ["tilelang"], without=frozenset({"torch"}), pins={"Quick": "3.0"}
    )
    assert [choice.name for choice in chosen] == ["ext", "quick", "tilelang"]
    assert "quick==3.0" in environment.asked[-1]


def test_target_takes_wheels_of_older_platforms_and_no_newer() -> None:
    tags = Target("3.12", "manylinux_2_28_aarch64").platforms
    assert tags[0] == "manylinux_2_28_aarch64"
    assert "manylinux2014_aarch64" in tags
    assert not any("2_29" in tag or "x86_64" in tag for tag in tags)
    assert "macosx_11_0_arm64" in Target("3.12", "macosx_12_0_arm64").platforms


@pytest.mark.parametrize(
    ("python", "platform"), [("3.9", "manylinux_2_28_x86_64"), ("3", "manylinux_2_28_x86_64"), ("3.12", "win_amd64")]
)
def test_target_that_is_none_is_a_usage_error(python: str, platform: str) -> None:
    with pytest.raises(UsageError, match=r"no Python|unknown platform"):
        Target(python, platform)


@pytest.mark.parametrize(
    ("text", "size"), [("60MiB", 60 * 2**20), ("1.5 GB", 1_500_000_000), ("100", 100), ("2m", 2 * 2**20)]
)
def test_sizes_are_read_with_their_units(text: str, size: int) -> None:
    assert _bytes(text) == size


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("a-1.0-cp39-abi3-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", (2, 27)),
        ("a-1.0-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", (2, 17)),
        ("a-1.0-py3-none-any.whl", None),
    ],
)
def test_glibc_is_the_oldest_a_wheel_names(file: str, expected: tuple[int, int] | None) -> None:
    assert glibc_of(file) == expected
    assert name_and_version(file) == ("a", "1.0")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "", "a\\b"])
def test_a_path_outside_the_workspace_is_refused(bundler: Bundler, path: str) -> None:
    assert not is_inside(path)
    with BundleFile(bundler().path) as file:
        document = json.loads(encode_manifest(file.manifest))
    document["trees"][0]["files"][0][0] = path
    with pytest.raises(BundleFileError, match="outside the workspace"):
        decode_manifest(json.dumps(document).encode(), origin="x")


def test_a_manifest_survives_its_file_and_another_schema_is_named(bundler: Bundler) -> None:
    packed = bundler()
    with BundleFile(packed.path) as file:
        assert file.manifest == packed.manifest
    document = json.loads(encode_manifest(packed.manifest))
    document["schema"] = 99
    with pytest.raises(BundleFileError, match="is of schema 99"):
        decode_manifest(json.dumps(document).encode(), origin="x")


def test_a_build_from_source_travels_without_objects_and_with_what_its_links_point_at(tmp_path: Path) -> None:
    source, shared = tmp_path / "build/source", tmp_path / "shared/cutlass"
    for path in ("build/lib/libtilelang.so", "build/a.o", "build/CMakeFiles/x.so", "tilelang/__init__.py", "src/op.cc"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(path)
    (shared / "include").mkdir(parents=True)
    (shared / "include/cute.h").write_text("")
    (source / "3rdparty").mkdir()
    (source / "3rdparty/cutlass").symlink_to(shared)
    tree = source_build_tree(source, "builds/x/source", ObjectFolder(tmp_path / "objects"), python="3.12")
    assert [item.path for item in tree.files] == [
        "3rdparty/cutlass/include/cute.h",
        "build/lib/libtilelang.so",
        "src/op.cc",
        "tilelang/__init__.py",
        "build/tvm/.keep",
    ]
    (source / "tilelang/fast.cpython-311-x86_64-linux-gnu.so").write_text("")
    with pytest.raises(EnvironmentProblem, match=r"for Python 3\.11, the bundle for 3\.12"):
        source_build_tree(source, "builds/x/source", ObjectFolder(tmp_path / "objects"), python="3.12")


def test_import_paths_are_those_inside_the_build(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/scaffold_source.pth").write_text(f"{tmp_path / 'build/source'}\n")
    (tmp_path / "site/zz_scaffold_shared.pth").write_text("/opt/torch/site-packages\n")
    assert import_paths(tmp_path / "site", tmp_path / "build") == ("source",)


def test_what_a_bundle_runs_first_is_readable_by_old_pythons() -> None:
    ast.parse(Path(run_bundle.__file__).read_text(encoding="utf-8"), feature_version=(3, 5))


@pytest.mark.parametrize(
    ("holder", "path", "step"),
    [
        ("numpy", "numpy/linalg/tests/test_linalg.py", 0),
        ("numpy", "numpy/_core/include/numpy/arrayobject.h", 1),
        ("z3-solver", "z3_solver-4.15.4.0.data/data/bin/z3", 2),
        ("z3-solver", "z3/lib/libz3.so.4.15", None),  # its soname, which TileLang's libraries ask for
        ("tilelang", "tilelang/3rdparty/tvm/src/ir/op.cc", 3),
        ("tilelang", "tilelang/3rdparty/cutlass/include/cute/tensor.hpp", None),
        ("tilelang", "tilelang/src/tl_templates/cuda/gemm.h", None),
        ("builds/sdist-0.1.14/source", "src/tl_templates/cuda/gemm.h", None),
        ("virtualenv", "virtualenv/seed/wheels/embed/pip-26.0.1-py3-none-any.whl", 4),
        ("virtualenv", "virtualenv/seed/wheels/embed/pip-26.3-py3-none-any.whl", None),
        ("matplotlib", "matplotlib/mpl-data/fonts/ttf/STIXGeneral.ttf", 5),
        ("matplotlib", "matplotlib/mpl-data/fonts/ttf/DejaVuSansMono-Bold.ttf", None),
        ("matplotlib", "matplotlib/mpl-data/fonts/ttf/LastResortHE-Regular.ttf", None),
        ("kit", "tests/builds/test_bundle_pack.py", None),
    ],
)
def test_only_what_nobody_needs_is_left_out(holder: str, path: str, step: int | None) -> None:
    others = ["virtualenv/seed/wheels/embed/pip-26.3-py3-none-any.whl"]
    assert [number for number, item in enumerate(STEPS) if path in item.gone(holder, [path, *others])] == (
        [] if step is None else [step]
    )
