"""Tensors as bytes, the way the Open Inference Protocol's binary extension has them.

Elements follow each other row by row, little-endian; an element of BYTES has its length in front,
in four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from service.errors import InvalidFieldError

_LENGTH = 4  # bytes


def pack_texts(texts: Sequence[str]) -> bytes:
    r"""
    >>> pack_texts(["good"])
    b'\x04\x00\x00\x00good'
    """
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def read_texts(data: bytes, count: int) -> list[str]:
    """The inverse of `pack_texts`.

    Raises:
        InvalidFieldError: it has more or fewer than `count` elements, or one is not UTF-8.
    """
    texts, start = [], 0
    for place in range(count):
        length = int.from_bytes(data[start : start + _LENGTH], "little")
        start, end = start + _LENGTH, start + _LENGTH + length
        if end > len(data):
            raise InvalidFieldError(
                f"The binary data ends within element {place} of {count}: expected {end} bytes or "
                f"more, got {len(data)}.",
                "/inputs/0",
            )
        texts.append(_text(data[start:end], place))
        start = end
    if start != len(data):
        raise InvalidFieldError(
            f"The shape has {count} elements, but the binary data goes on behind them: expected "
            f"{start} bytes, got {len(data)}.",
            "/inputs/0",
        )
    return texts


def _text(data: bytes, place: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidFieldError(f"Element {place} is not text in UTF-8.", "/inputs/0") from error


def pack_floats(numbers: Sequence[float]) -> bytes:
    """As FP32."""
    return struct.pack(f"<{len(numbers)}f", *numbers)
