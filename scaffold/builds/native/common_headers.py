"""Which headers to compile once: those that many of a source's files include."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

#: A header that this part of the files includes directly is precompiled.
SHARE = 0.1

#: TVM's and the standard library's; TileLang's own change while one works on it.
_INCLUDE = re.compile(r"^\s*#\s*include\s*<(tvm/[\w/.-]+|[a-z_]+)>", re.MULTILINE)


def common_headers(sources: Iterable[Path]) -> tuple[str, ...]:
    """Headers in the form ``<tvm/tir/stmt.h>``, those of TVM first, each group sorted by name."""
    counts: Counter[str] = Counter()
    files = 0
    for path in sources:
        files += 1
        counts.update(set(_INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace"))))
    chosen = [name for name, count in counts.items() if count >= SHARE * files]
    return tuple(f"<{name}>" for name in sorted(chosen, key=lambda name: (not name.startswith("tvm/"), name)))
