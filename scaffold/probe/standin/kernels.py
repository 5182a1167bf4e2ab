"""Kernels a script compiled: each recorded once, whichever thread or process of the script compiles it."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Claim:
    """The name and the spool of a kernel; ``known``: it was recorded before."""

    name: str
    spool: str
    known: bool


class KernelIndex:
    """What was recorded so far, in a file that forked processes of the script share."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "kernels.json"
        self._path.write_text("{}", encoding="utf-8")

    def claim(self, key: str, function: str) -> Claim:
        """A name (``matmul``, ``matmul-2``) and a spool of its own for the kernel of ``key``, made by ``function``."""
        with self._path.open("r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            index: dict[str, list[str]] = json.load(file)
            if key in index:
                name, _, spool = index[key]
                return Claim(name, spool, known=True)
            count = sum(1 for _, made_by, _ in index.values() if made_by == function) + 1
            name = function if count == 1 else f"{function}-{count}"
            spool = f"{len(index) + 1:03d}.jsonl"
            index[key] = [name, function, spool]
            file.seek(0)
            json.dump(index, file)
            file.truncate()
            return Claim(name, spool, known=False)


def key_of(text: str, target: Any, configs: Mapping[str, Any]) -> str:
    """Equal for kernels that lower alike."""
    return hashlib.sha256(repr((text, str(target), sorted(map(str, configs.items())))).encode()).hexdigest()
