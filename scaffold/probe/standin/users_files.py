"""Which files are the user's: below the roots a request names, but not TileLang's or of an environment there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_LIBRARIES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))


class UsersFiles:
    """Asked with ``path in files``; ``package`` is TileLang's folder, which may lie in the user's checkout."""

    def __init__(self, roots: Sequence[str], package: str) -> None:
        self._roots = tuple(root.rstrip(os.sep) + os.sep for root in roots)
        self._not = tuple({f"{root}{os.sep}" for root in (package, sys.prefix, sys.base_prefix)} - set(self._roots))

    def add(self, root: str) -> None:
        """What lies below ``root`` is the user's too."""
        self._roots = (*self._roots, root.rstrip(os.sep) + os.sep)

    def __contains__(self, path: object) -> bool:
        text = str(path)
        return (
            text.startswith(self._roots)
            and not any(name in text for name in _LIBRARIES)
            and not text.startswith(self._not)
        )
