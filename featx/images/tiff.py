"""The bytes of a TIFF go in; one whose picture is in too many strips or tiles is refused before they are listed.

Pillow makes a list of them when a file is opened: some 400 bytes for each, whatever the number of pixels.
"""

from __future__ import annotations

import struct

from .pixels import Refused

__all__ = ["check_strips"]

OFFSETS = (273, 324)
# A strip of each row of the tallest images that anybody has would be fewer.
MOST_STRIPS = 200_000


def check_strips(data: bytes) -> None:
    """Refuse a TIFF or BigTIFF whose first picture is in more parts than any encoder makes.

    Raises
    ------
    Refused
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    try:
        place = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
        (n_entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, place)
        entry = struct.Struct(order + ("HHQQ" if big else "HHII"))
        # As Pillow does, whatever number the file claims
        for start in range(place + (8 if big else 2), len(data), entry.size)[: min(n_entries, 1 << 16)]:
            tag, _, count, _ = entry.unpack_from(data, start)
            if tag in OFFSETS and count > MOST_STRIPS:
                raise Refused(f"a TIFF in {count:,} parts", "Save it anew: `tiffcp -r 64 a.tif b.tif`.")
    except struct.error:  # Pillow says what is wrong with it
        return
