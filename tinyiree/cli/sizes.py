"""Sizes in bytes, as people write and read them."""

import re

from tinyiree.errors import TinyireeError

_SIZE = re.compile(r"(\d+)\s*([km]?)(?:i?b)?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20}


def bytes_of(option: str, text: str) -> int:
    """Bytes of a size such as ``16K``, ``2MB`` or ``9500``; K is 1,024 and M 1,048,576 bytes.

    Raises TinyireeError for anything else, which names the option.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise TinyireeError(f"{option} {text}: expected a size such as 9500, 16K or 2M")
    return int(match[1]) * _FACTORS[match[2].lower()]


def readable(count: int) -> str:
    """A number of bytes in the largest unit that leaves at least one of it, such as 1.5 KB."""
    for unit, size in (("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:,.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} B"
