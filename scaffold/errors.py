"""Every way in which the kit says no.

One class per cause, each with a kebab-case ``code`` for people and scripts to search for, and an ``exit_code`` that
means one thing everywhere (``docs/exit-codes.md``).
Imports nothing of ours, and only the standard library, so that both worlds may raise them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells the shell."""

    OK = 0
    FINDING = 1
    USAGE = 2
    ENVIRONMENT = 3
    BUILD = 4
    PROBE = 5
    BUG = 70
    INTERRUPTED = 130


class ScaffoldError(Exception):
    """An error with a remedy.

    Parameters
    ----------
    message
        What failed, on which named thing, expected against found.
    hint
        One imperative line, a command to paste where there is one.
    context
        Facts printed below the message, one ``key: value`` a line.
    """

    code = "error"
    exit_code = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None, context: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = dict(context or {})


class UsageError(ScaffoldError):
    code = "usage"
    exit_code = ExitCode.USAGE


class UnknownKernelError(UsageError):
    code = "unknown-kernel"


class UnknownParameterError(UsageError):
    code = "unknown-parameter"


class ParameterValueError(UsageError):
    code = "parameter-value"


class UnknownTargetError(UsageError):
    code = "unknown-target"


class UnsupportedTargetError(UsageError):
    code = "unsupported-target"


class OversizedKernelError(UsageError):
    code = "kernel-does-not-fit"


class KernelSourceError(UsageError):
    """The user's file cannot be used: it raises, or holds no kernel.

    ``gap`` says what it asks TileLang for that the build does not have, where the error is of that kind;
    ``raised`` names the error that running the file raised, ``None`` where it was not run.
    """

    code = "kernel-source"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        context: Mapping[str, object] | None = None,
        gap: str | None = None,
        raised: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, context=context)
        self.gap, self.raised = gap, raised


class KernelApiError(KernelSourceError):
    """A kernel is written for an API that one of two builds does not have."""

    code = "kernel-api"


class SameBuildError(UsageError):
    """Two builds were asked for, and both are one and the same."""

    code = "same-build"


class UnknownPassError(UsageError):
    code = "unknown-pass"


class TraceFileError(UsageError):
    """A trace file is damaged, too large, of another schema, or not a trace."""

    code = "trace-file"


class ProfileFileError(UsageError):
    """A profiler's report is damaged, holds no kernel, or is of no kind we read."""

    code = "profile-file"


class BundleFileError(UsageError):
    """A bundle is damaged, altered, of another schema, or no bundle."""

    code = "bundle-file"


class BundleTooLargeError(UsageError):
    """What was asked for does not fit below ``--max-size``."""

    code = "bundle-too-large"


class EnvironmentProblem(ScaffoldError):
    code = "environment"
    exit_code = ExitCode.ENVIRONMENT


class OutputFolderError(EnvironmentProblem):
    code = "output-folder"


class MissingToolError(EnvironmentProblem):
    code = "missing-tool"


class ProfilerMissingError(MissingToolError):
    """No profiler of the kind that is needed is installed, or what reads its report is not."""

    code = "profiler-missing"


class CountersNotPermittedError(EnvironmentProblem):
    """The driver keeps the GPU's counters for administrators."""

    code = "counters-not-permitted"


class ProfilerFailedError(EnvironmentProblem):
    """The profiler does not fit the driver, the GPU or where it runs, or another tool holds the counters."""

    code = "profiler-failed"


class BuildFailedError(ScaffoldError):
    code = "build-failed"
    exit_code = ExitCode.BUILD


class UnknownBuildError(UsageError):
    code = "unknown-build"


class ProbeError(ScaffoldError):
    """The process inside the TileLang build crashed, timed out or gave no usable result."""

    code = "probe-crashed"
    exit_code = ExitCode.PROBE


class ProbeTimeoutError(ProbeError):
    code = "probe-timeout"


class TaskLostError(ProbeError):
    """The worker of a cluster died with a task; it is not tried again."""

    code = "task-lost"


class EmptyCaptureError(ProbeError):
    code = "empty-capture"


class NothingProfiledError(ProbeError):
    """The program ran, and the profiler saw no kernel."""

    code = "nothing-profiled"


class NothingCompiledError(ProbeError):
    """A script was run, and no kernel came of it."""

    code = "nothing-compiled"


class LoweringFailedError(ProbeError):
    """A pass raised: the trace up to it is kept, and named in the message."""

    code = "lowering-failed"
