"""The probe's side of the spool: JSON lines, each whole before the next begins."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from scaffold.trace.model import text_digest


class SpoolWriter:
    """Append lines to a spool from any thread; texts are written once each."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, kind: str, value: Any) -> None:
        line = json.dumps({kind: value}, ensure_ascii=False)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def text(self, body: str) -> str:
        """Store a text and return its digest."""
        digest = text_digest(body)
        with self._lock:
            known = digest in self._known
            self._known.add(digest)
        if not known:
            self.write("text", {"digest": digest, "body": body})
        return digest
