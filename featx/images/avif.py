"""Read the size of the frames of an AVIF file from its boxes, before a decoder allocates them.

The size in the file's header is only the one to which the image is scaled. What takes memory is the size in the
sequence headers of the coded frames, of which libavif allows up to 268 million pixels whatever the header says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .limits import Refused

__all__ = ["frame_sizes"]

# Boxes that contain boxes, on the way to the chunks of a sequence.
CONTAINER_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
SEQUENCE_HEADER = 1
MOST_STEPS = 100_000


def frame_sizes(data: bytes) -> list[tuple[int, int]]:
    """Return the width and height in every sequence header, and of every grid on which tiles are put together.

    Raises
    ------
    Refused
        If there is none, or the file is malformed.
    """
    try:
        sizes = list(_AvifFile(data).sizes())
    except (struct.error, IndexError) as error:
        raise Refused(f"a damaged AVIF: {error}") from None
    if not sizes:
        raise Refused("a damaged AVIF: no frame is found in it")
    return sizes


class _AvifFile:
    """One pass over a file; its work is bounded by the file's length, because boxes and items may claim anything."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.steps_left, self.bytes_left = MOST_STEPS, 4 * len(data)

    def sizes(self) -> Iterator[tuple[int, int]]:
        for kind, part in self._parts(0, len(self.data)):
            if kind == b"grid":
                yield struct.unpack_from(">II" if part[1] & 1 else ">HH", part, 4)
            elif kind == b"av01":
                yield from self._sequence_headers(part)

    def _step(self) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise IndexError(f"more than {MOST_STEPS:,} parts")

    def _slice(self, start: int, length: int) -> bytes:
        found = self.data[start : start + length] if length else self.data[start:]
        self.bytes_left -= len(found)
        if self.bytes_left < 0:
            raise IndexError("its items overlap")
        return found

    def _boxes(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the kind of each box, and the offsets of the beginning and end of its content."""
        while start + 8 <= end:
            self._step()
            size, kind = struct.unpack_from(">I4s", self.data, start)
            content = start + 8
            if size == 1:
                (size,) = struct.unpack_from(">Q", self.data, content)
                content += 8
            stop = end if size == 0 else start + size
            if stop < content:
                return
            yield kind, content, min(stop, end)
            start = stop

    def _parts(self, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield the kind and content of every item, and of each sequence from its first chunk on."""
        for kind, begin, stop in self._boxes(start, end):
            if kind == b"meta":
                yield from self._items(begin + 4, stop)
            elif kind in CONTAINER_BOXES:
                yield from self._parts(begin, stop)
            elif kind in (b"stco", b"co64") and struct.unpack_from(">I", self.data, begin + 4)[0]:
                offset = struct.unpack_from(">I" if kind == b"stco" else ">Q", self.data, begin + 8)[0]
                yield b"av01", self._slice(offset, 0)

    def _item_kinds(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Yield the number and kind of each item."""
        wide = self.data[start] > 0
        first = start + (8 if wide else 6)
        for kind, begin, _ in self._boxes(first, len(self.data)):
            if kind != b"infe":
                return
            read = _ByteReader(self.data, begin + 4).number
            number = read(2 if self.data[begin] < 3 else 4)
            read(2)
            yield number, read(4).to_bytes(4, "big")

    def _items(self, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
        boxes = list(self._boxes(start, end))
        kinds = {n: kind for box, begin, _ in boxes if box == b"iinf" for n, kind in self._item_kinds(begin)}
        inside = next((begin for kind, begin, _ in boxes if kind == b"idat"), 0)
        for iloc in [begin for kind, begin, _ in boxes if kind == b"iloc"]:
            version, widths = self.data[iloc], struct.unpack_from(">H", self.data, iloc + 4)[0]
            offset_size, length_size, base_size, index_size = (widths >> shift & 15 for shift in (12, 8, 4, 0))
            read = _ByteReader(self.data, iloc + 6).number
            for _ in range(read(2 if version < 2 else 4)):
                item = read(2 if version < 2 else 4)
                method = read(2) & 15 if version else 0
                read(2)
                base = read(base_size) + (inside if method == 1 else 0)
                parts = []
                for _ in range(read(2)):
                    self._step()
                    read(index_size if version else 0)
                    offset = base + read(offset_size)
                    parts.append(self._slice(offset, read(length_size)))
                yield kinds.get(item, b""), b"".join(parts)

    def _sequence_headers(self, part: bytes) -> Iterator[tuple[int, int]]:
        """Yield the sizes in the sequence headers among the units (OBU) of a coded image; AV1, sections 5.3 and 5.5."""
        offset = 0
        while offset < len(part) and not part[offset] & 0x81:
            self._step()
            kind, extended, sized = part[offset] >> 3 & 15, part[offset] & 4, part[offset] & 2
            offset += 2 if extended else 1
            size = len(part) - offset
            if sized:
                size, offset = _leb128(part, offset)
            if kind == SEQUENCE_HEADER:
                yield _frame_size(_BitReader(part[offset : offset + min(size, 1024)]))
            offset += size


class _ByteReader:
    """Read numbers of whole bytes, one after the other."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.data, self.offset = data, offset

    def number(self, n_bytes: int) -> int:
        found = self.data[self.offset : self.offset + n_bytes]
        if len(found) < n_bytes:
            raise IndexError("it ends too early")
        self.offset += n_bytes
        return int.from_bytes(found, "big")


def _leb128(part: bytes, offset: int) -> tuple[int, int]:
    """Return a number of seven bits a byte (leb128), and the offset after it."""
    size = 0
    for number in range(8):
        byte = part[offset + number]
        size |= (byte & 127) << (7 * number)
        if byte < 128:
            break
    return size, offset + number + 1


class _BitReader:
    """Read numbers of any number of bits, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, n: int) -> int:
        if n > self.left:
            raise IndexError("a header ends too early")
        self.left -= n
        return self.value >> self.left & ((1 << n) - 1)

    def take_uvlc(self) -> int:
        """Read a number of variable length; AV1, section 4.10.3."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return self.take(zeros) if zeros < 32 else 0


def _frame_size(bits: _BitReader) -> tuple[int, int]:
    """Return the largest width and height of a sequence header; AV1, section 5.5.1."""
    bits.take(4)  # profile, still picture
    if bits.take(1):  # the short header of a still picture
        bits.take(5)
    else:
        delay = 0
        if bits.take(1):  # timing
            bits.take(64)
            if bits.take(1):
                bits.take_uvlc()
            if bits.take(1):  # decoder model
                delay = bits.take(5) + 1
                bits.take(42)
        display = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if delay and bits.take(1):
                bits.take(2 * delay + 1)
            if display and bits.take(1):
                bits.take(4)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1
