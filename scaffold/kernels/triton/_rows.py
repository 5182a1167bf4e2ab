"""How kernels that give every row to one program are launched."""

WIDEST = 16


def next_power_of_two(count: int) -> int:
    """The smallest power of two that is no less than ``count``, which is positive: Triton's tiles have such sides."""
    return 1 << (count - 1).bit_length()


def warps_for(columns: int) -> int:
    """Warps for a tile of that many columns, a power of two: 16 elements a thread as long as there are warps."""
    return min(max(columns // 512, 1), WIDEST)
