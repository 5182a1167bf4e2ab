"""In which order the processes of a round run: random, and every second round the other way round (ABBA)."""

from __future__ import annotations

import random
from collections.abc import Sequence


def order_of_round(number: int, slots: Sequence[str], seed: int) -> tuple[str, ...]:
    """The slots of round ``number``; what drifts along a round weighs on all of them alike over two."""
    shuffled = list(slots)
    random.Random(f"{seed}-{number // 2}").shuffle(shuffled)
    return tuple(reversed(shuffled) if number % 2 else shuffled)
