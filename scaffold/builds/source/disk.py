"""What a disk says no with, in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaffold.errors import OutputFolderError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the disk's errors inside the block into ours.

    Raises
    ------
    OutputFolderError
        If the disk is full, or nothing may be written there.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise OutputFolderError(
                f"the disk of {folder} is full",
                hint="free some space (a source takes 0.5 GB), or put the workspace elsewhere: --workspace DIR",
            ) from error
        if error.errno in _FORBIDDEN:
            raise OutputFolderError(
                f"cannot write {error.filename or folder}: {error.strerror}",
                hint="name a folder you may write to: --workspace DIR or SCAFFOLD_WORKSPACE=DIR",
            ) from error
        raise
