"""Make a bundle: resolve, download, take apart, make small enough, compress."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.bundle.file import write_bundle
from scaffold.builds.bundle.manifest import Manifest, Requirements, Stream, Wheel
from scaffold.builds.bundle.objects import ObjectFolder, write_stream
from scaffold.builds.bundle.plan import BundleRequest, Plan, make_plan
from scaffold.builds.bundle.program import program_files
from scaffold.builds.bundle.reduce import STEPS, STRIP, Contents, apply_step, largest, strip_libraries
from scaffold.builds.bundle.trees import kit_commit
from scaffold.builds.bundle.wheel_file import glibc_of
from scaffold.builds.workspace import Workspace
from scaffold.errors import BundleTooLargeError
from scaffold.files import file_sha256
from scaffold.progress import Progress

#: What 9e makes of what preset 1 makes, at best; only used to skip compressing what cannot fit.
_FIRST_GUESS = 0.75
#: Under ``workspace/tmp``.
_SCRATCH = "packing"


@dataclass(frozen=True)
class Packed:
    """A bundle that was made."""

    path: Path
    manifest: Manifest
    size: int
    sha256: str


def pack(request: BundleRequest, output: Path, *, workspace: Workspace, progress: Progress) -> Packed:
    """Write the bundle ``output``, whole or not at all.

    Raises
    ------
    BuildFailedError
        If a wheel cannot be had for the Python and platform.
    BundleTooLargeError
        If it does not fit, even without all that can be left out.
    """
    with workspace.lock(_SCRATCH, progress), _scratch(workspace) as folder:
        objects = ObjectFolder(folder / "objects")
        plan = make_plan(request, workspace=workspace, objects=objects, progress=progress)
        program = program_files()
        contents = Contents(tuple(plan.wheels), tuple(plan.trees))
        packer = _Packer(request, plan, objects, folder, program, progress)
        made, manifest = packer.smallest_that_fits(contents)
        output.parent.mkdir(parents=True, exist_ok=True)
        half = output.with_name(f".{output.name}.half")
        try:
            shutil.move(made, half)
            half.chmod(0o755)
            half.replace(output)
        finally:
            half.unlink(missing_ok=True)
    return Packed(output, manifest, output.stat().st_size, file_sha256(output))


@contextmanager
def _scratch(workspace: Workspace) -> Iterator[Path]:
    """A folder of our own; what a killed run left in it goes first."""
    folder = workspace.root / "tmp" / _SCRATCH
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield workspace.folder(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Packer:
    """Compresses contents, and leaves out step by step what is asked for until the file fits."""

    def __init__(
        self,
        request: BundleRequest,
        plan: Plan,
        objects: ObjectFolder,
        folder: Path,
        program: Mapping[str, bytes],
        progress: Progress,
    ) -> None:
        self.request = request
        self.plan = plan
        self.objects = objects
        self.folder = folder
        self.program = program
        self.progress = progress
        self._quick: dict[tuple[str, ...], int] = {}
        self._streams: dict[tuple[str, ...], Stream] = {}
        self._ratio = _FIRST_GUESS

    def smallest_that_fits(self, contents: Contents) -> tuple[Path, Manifest]:
        """The bundle with as little left out as the limit allows."""
        limit = self.request.max_bytes
        steps = self._steps()
        while True:
            if limit is not None:
                while self._guess(contents) > limit and (step := next(steps, None)):
                    contents = step(contents)
            path, manifest = self._write(contents)
            size = path.stat().st_size
            if limit is None or size <= limit:
                return path, manifest
            self._ratio *= size / self._guess(contents)
            following = next(steps, None)
            if following is None:
                raise self._too_large(contents, size, limit)
            contents = following(contents)

    def _steps(self) -> Iterator[Callable[[Contents], Contents]]:
        for step in STEPS:
            self.progress.say(f"to fit, leaving out {step.what}")
            yield lambda contents, step=step: apply_step(step, contents, self.objects)  # type: ignore[misc]
        self.progress.say(f"to fit, leaving out {STRIP}")
        yield lambda contents: strip_libraries(contents, self.objects)

    def _guess(self, contents: Contents) -> float:
        """Bytes the bundle would be, from compressing it in a hurry; rather too few than too many."""
        with self.progress.step("estimating its size"), ThreadPoolExecutor(2) as threads:
            return self._ratio * sum(threads.map(self._quick_size, self._ordered(contents)))

    def _quick_size(self, digests: Sequence[str]) -> int:
        """Bytes of objects, one after the other, compressed in a hurry."""
        key = tuple(digests)
        if key not in self._quick:
            compressor = lzma.LZMACompressor(preset=1)
            self._quick[key] = sum(len(compressor.compress(self.objects.read(digest))) for digest in digests)
            self._quick[key] += len(compressor.flush())
        return self._quick[key]

    def _write(self, contents: Contents) -> tuple[Path, Manifest]:
        native, rest = self._ordered(contents)
        x86 = self.request.target.machine == "x86_64"
        jobs = [("native.xz", native, x86), ("rest.xz", rest, False)]
        raw = sum(self.objects.path(digest).stat().st_size for digest in (*native, *rest))
        with (
            self.progress.step(f"compressing {raw / 1024**2:.0f} MiB", lasting=True),
            ThreadPoolExecutor(len(jobs)) as threads,
        ):
            streams = list(threads.map(lambda job: self._stream(*job), jobs))
        manifest = self._manifest(contents, streams)
        path = self.folder / "bundle.zip"
        write_bundle(path, manifest, [self.folder / stream.member for stream in streams], self.program)
        return path, manifest

    def _stream(self, member: str, digests: Sequence[str], x86: bool) -> Stream:
        """The stream of these objects; the one made before where it is the same."""
        key = (member, *digests)
        if key not in self._streams:
            self._streams[key] = write_stream(digests, self.objects, self.folder / member, x86=x86)
        return self._streams[key]

    def _ordered(self, contents: Contents) -> tuple[list[str], list[str]]:
        """Objects of libraries and programs, and all others, alike ones side by side."""
        places: dict[str, tuple[str, str, str]] = {}
        for holder in contents.holders:
            for item in holder.files:
                name = item.path.rpartition("/")[2]
                place = (name.rpartition(".")[2], name, item.path)
                places[item.sha256] = min(place, places.get(item.sha256, place))
        ordered = sorted(places, key=lambda digest: (places[digest], digest))
        native = [digest for digest in ordered if self.objects.is_native(digest)]
        return native, [digest for digest in ordered if digest not in set(native)]

    def _manifest(self, contents: Contents, streams: Sequence[Stream]) -> Manifest:
        target = self.request.target
        glibc = max(filter(None, (glibc_of(wheel.file) for wheel in contents.wheels)), default=None)
        return Manifest(
            kit_version=self.plan.kit_version,
            kit_commit=kit_commit(),
            requires=Requirements(
                target.python,
                target.system,
                target.machine,
                target.platform,
                f"{glibc[0]}.{glibc[1]}" if glibc else None,
            ),
            streams=tuple(streams),
            wheels=contents.wheels,
            trees=contents.trees,
            environments=tuple(self.plan.environments),
            left_out=contents.left_out,
            stripped=contents.stripped,
        )

    def _too_large(self, contents: Contents, size: int, limit: int) -> BundleTooLargeError:
        sizes = {
            f"{holder.name} {holder.version}" if isinstance(holder, Wheel) else holder.path: sum(
                self._quick_size([item.sha256]) for item in holder.files
            )
            for holder in contents.holders
        }
        scaled = {name: int(value * self._ratio) for name, value in sizes.items()}
        remedies = ["a larger --max-size"]
        remedies += ["--no-tests"] if self.request.tests else []
        remedies += ["fewer --build"] if len(self.request.builds) > 1 else []
        remedies += ["no --with-torch"] if self.request.torch else []
        return BundleTooLargeError(
            f"the bundle is {size / 1024**2:.1f} MiB with all left out that can be, "
            f"the limit {limit / 1024**2:.1f} MiB",
            hint=f"say {', or '.join(remedies)}",
            context={"largest, compressed": "\n".join(largest(scaled))},
        )
