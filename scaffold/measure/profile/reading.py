"""Read a raw report that is there already, whatever wrote it."""

from __future__ import annotations

from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.errors import ProfileFileError
from scaffold.measure.profile import ncu, nsys, rocprof
from scaffold.measure.profile.lines import NOTHING_GENERATED, GeneratedSource
from scaffold.measure.profile.model import ProfileResult
from scaffold.measure.profile.programs import Program, require_program
from scaffold.measure.profile.trouble import NSYS_NOTHING, NSYS_TROUBLES, explain

#: Endings by which a word on the command line is a report and no kernel.
SUFFIXES = (ncu.SUFFIX, nsys.SUFFIX, ".csv", ".db")
#: Exporting a long trace takes a while.
_STATS_TIMEOUT_S = 300.0


def is_report(word: str) -> bool:
    """Whether a word names a raw report: by its ending, or as a folder that holds CSV files or databases."""
    path = Path(word)
    if word.endswith(SUFFIXES):
        return True
    return path.is_dir() and any(next(path.rglob(pattern), None) for pattern in ("*.csv", "*.db"))


def read_report(path: Path, *, generated: GeneratedSource = NOTHING_GENERATED) -> ProfileResult:
    """Read a report of ``ncu``, ``nsys``, ``rocprofv3`` or ``rocprof-compute``.

    Raises
    ------
    ProfileFileError
        If it is none, or holds no kernel.
    ProfilerMissingError
        If reading it needs a program or package that is not here.
    """
    if not path.exists():
        raise ProfileFileError(f"no file {str(path)!r}", hint=f"name one that ends with {', '.join(SUFFIXES)}")
    if path.name.endswith(ncu.SUFFIX):
        return ncu.read_ncu_report(path, generated=generated)
    if path.name.endswith(nsys.SUFFIX):
        return read_nsys_report(path, require_program("nsys"))
    if path.suffix == ".csv":
        text = path.read_text(encoding="utf-8", errors="replace")
        if "Instances" in text and "Counter_Name" not in text:
            return nsys.read_kernel_summary(text, report=str(path))
    if path.suffix != ".db" and rocprof.is_rocprof_compute(path):
        return rocprof.read_rocprof_compute(path)
    return rocprof.read_rocprof_folder(path)


def read_nsys_report(path: Path, program: Program) -> ProfileResult:
    """Have ``nsys stats`` sum a report's kernels up, and read that.

    Raises
    ------
    ProfileFileError
        If it holds no kernel.
    ProfilerFailedError
        If this nsys cannot.
    """
    answer = ask(nsys.stats_command(program.path, path), timeout_s=_STATS_TIMEOUT_S)
    if not answer.ok or NSYS_NOTHING.search(answer.text):
        trouble = explain(answer.text, NSYS_TROUBLES, tool="nsys")
        if trouble is not None:
            raise trouble
        raise ProfileFileError(
            f"{path} holds no kernel, says nsys stats",
            hint="profile again; or see what it says: nsys stats " + str(path),
            context={"nsys says": "\n".join(answer.text.splitlines()[-4:]) or answer.why_not},
        )
    return nsys.read_kernel_summary(answer.stdout, report=str(path), tool_version=program.version)
