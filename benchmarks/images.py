"""Measure the peak memory of decoding one image, by kind of file, each in a process of its own (Linux).

    python benchmarks/images.py [--side 3000]

The files are made here. Large ones of every kind show the bytes for each pixel, and files that are nearly all metadata
those for each byte of the file. SECURITY.md has the largest results, rounded up.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL
import torchvision.io
from PIL import Image

from featx.exceptions import ImageDecodeError
from featx.images.sources import as_sources

SMALL = 64
MODES = {
    "JPEG": ["L", "RGB", "CMYK"],
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "WEBP": ["RGB", "RGBA"],
    "GIF": ["P"],
    "BMP": ["1", "L", "P", "RGB"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"],
    "AVIF": ["L", "RGB", "RGBA"],
    "PPM": ["1", "L", "RGB", "I;16"],
}
OPTIONS = {
    "JPEG": [{}, {"progressive": True}, {"exif": 6}],
    "PNG": [{}, {"exif": 6}, {"transparency": 0}],
    "TIFF": [{}, {"compression": "tiff_deflate"}, {"compression": "jpeg"}, {"exif": 6}],
    "WEBP": [{}, {"lossless": True}, {"exif": 6}],
    "GIF": [{}, {"transparency": 0}],
    "AVIF": [{"speed": 10}],
}


def picture(mode: str, side: int) -> Image.Image:
    """Return a smooth image, which compresses well and is decoded all the same."""
    ramp = np.linspace(0, 1, side, dtype=np.float32)
    values = ramp[:, None] * ramp
    if mode in ("I;16", "I", "F"):
        dtype, white = {"I;16": ("u2", 65535), "I": ("i4", 65535), "F": ("f4", 1)}[mode]
        return Image.fromarray((values * white).astype(dtype))
    grey = Image.fromarray((values * 255).astype(np.uint8))
    return grey.convert("RGB").convert(mode) if mode not in ("L", "1", "P") else grey.convert(mode)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    """Return a file's bytes; `exif` is the orientation."""
    if isinstance(options.get("exif"), int):
        exif = Image.Exif()
        exif[0x0112] = options["exif"]
        options["exif"] = exif.tobytes()
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def large(side: int) -> Iterator[tuple[str, Callable[[], bytes], float]]:
    """Yield the kind of each large file, how it is made, and its pixels."""
    for format, modes in MODES.items():
        for mode in modes:
            for options in OPTIONS.get(format, [{}]):
                if (options.get("compression") == "jpeg" and mode not in ("L", "RGB")) or (
                    "transparency" in options and mode not in ("P", "L", "RGB")
                ):
                    continue
                clear = {"transparency": (0, 0, 0)} if mode == "RGB" and "transparency" in options else {}
                words = " ".join(f"{name}={value}" for name, value in options.items() if name != "speed")
                yield (
                    f"{format} {mode} {words}".strip(),
                    lambda f=format, m=mode, o={**options, **clear}: saved(picture(m, side), f, **o),
                    side * side,
                )
    for format, mode, options in (("WEBP", "RGB", {}), ("WEBP", "RGBA", {"exif": 6}), ("AVIF", "RGBA", {"speed": 10}),
                                  ("PNG", "RGBA", {}), ("GIF", "P", {})):  # fmt: skip
        yield (
            f"{format} {mode} of three frames",
            lambda f=format, m=mode, o=options: saved(
                picture(m, side), f, save_all=True, append_images=[picture(m, side).transpose(0)] * 2, **o
            ),
            side * side,
        )
    grey = picture("L", side)
    yield "PGM as text", lambda: b"P2 %d %d 65535\n" % grey.size + b"65535 " * side * side, side * side
    yield "PPM of 4 bits", lambda: b"P6 %d %d 15\n" % grey.size + bytes(3 * side * side), side * side
    rows = zlib.compress(bytes((1 + 6 * side) * side))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0))
    deep = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    yield "PNG RGB of 16 bits", lambda: deep, side * side
    empty = struct.pack("<6sHHBBB", b"GIF89a", side, side, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, side, side, 0)
    yield "GIF without pixels", lambda: empty + b"\x02\x02\x4c\x01\0;", side * side
    corner = struct.pack("<6sHHBBB", b"GIF89a", side, side, 0, 0, 0) + b"!\xf9\4\1\0\0\0\0,"
    corner += struct.pack("<HHHHB", 0, 0, 1, 1, 0x80) + bytes(6) + b"\x02\x02\x4c\x01\0;"
    yield "GIF of one pixel on a large screen", lambda: corner, side * side


def padded(n_bytes: int) -> Iterator[tuple[str, Callable[[], bytes], float]]:
    """Yield small images with about so many bytes of metadata each."""
    small = picture("RGB", SMALL)
    png, jpeg, gif = (saved(small, format) for format in ("PNG", "JPEG", "GIF"))
    junk = np.random.default_rng(0).integers(0, 256, n_bytes, np.uint8).tobytes()

    def in_png(*parts: bytes) -> bytes:
        return png[:33] + b"".join(parts) + png[33:]

    entries = n_bytes // 12
    tags = b"".join(struct.pack(">HHII", 1 + i % 65535, 4, 1, i) for i in range(min(entries, 65535)))
    directory = b"MM\0*\0\0\0\x08" + struct.pack(">H", min(entries, 65535)) + tags + bytes(4)
    yield "PNG, EXIF of many tags", lambda: in_png(chunk(b"eXIf", directory)), n_bytes
    long = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIII", 1, 0x9286, 7, n_bytes, 26, 0) + junk
    yield "PNG, EXIF of one long tag", lambda: in_png(chunk(b"eXIf", long)), n_bytes
    numbers = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIII", 1, 0x9286, 4, n_bytes // 4, 26, 0) + junk
    yield "PNG, EXIF of many numbers", lambda: in_png(chunk(b"eXIf", numbers)), n_bytes
    yield "WebP, EXIF of many numbers", lambda: saved(small, "WEBP", exif=b"Exif\0\0" + numbers), n_bytes
    yield "PNG, short texts", lambda: in_png(*[chunk(b"tEXt", b"k%d\0v" % i) for i in range(n_bytes // 20)]), n_bytes
    yield "PNG, unknown chunks", lambda: in_png(*[chunk(b"prVt", b"")] * (n_bytes // 12)), n_bytes
    body = chunk(b"IDAT", zlib.compress(small.tobytes()))
    yield "PNG, empty IDAT", lambda: png[:-12] + chunk(b"IDAT", b"") * (n_bytes // 12) + body + png[-12:], n_bytes
    yield "PNG, profile", lambda: in_png(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(n_bytes)))), n_bytes
    yield "PNG, compressed text", lambda: in_png(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(n_bytes)))), n_bytes
    app = b"\xff\xe9\xff\xff" + bytes(65533)
    yield "JPEG, application data", lambda: jpeg[:2] + app * (n_bytes // len(app)) + jpeg[2:], n_bytes
    tiny = b"\xff\xe9\0\2"
    yield "JPEG, empty segments", lambda: jpeg[:2] + tiny * (n_bytes // 4) + jpeg[2:], n_bytes
    parts = [struct.pack(">BB", i + 1, 255) + bytes(65000) for i in range(min(255, n_bytes // 65000))]
    icc = b"".join(b"\xff\xe2" + struct.pack(">H", len(p) + 14) + b"ICC_PROFILE\0" + p for p in parts)
    yield "JPEG, profile", lambda: jpeg[:2] + icc + jpeg[2:], n_bytes
    notes = b"!\xfe" + (b"\xff" + bytes(255)) * (n_bytes // 256) + b"\0"
    start = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    yield "GIF, one comment", lambda: gif[:start] + notes + gif[start:], n_bytes
    yield "GIF, short comments", lambda: gif[:start] + b"!\xfe\1a\0" * (n_bytes // 5) + gif[start:], n_bytes
    yield "TIFF, short strips", lambda: strips(n_bytes // 9), n_bytes
    yield "TIFF, EXIF of many numbers", lambda: numbers_in_tiff(n_bytes), n_bytes
    yield "JPEG, bytes behind it", lambda: jpeg + junk, n_bytes
    yield "BMP, bytes behind it", lambda: saved(small, "BMP") + junk, n_bytes


def strips(n: int) -> bytes:
    """Return a TIFF of one byte a strip."""
    entries = [(256, 4, 1, 1), (257, 4, 1, n), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    end = 8 + 2 + 12 * 9 + 4
    entries += [(273, 4, n, end), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, n, end + 4 * n)]
    directory = struct.pack("<H", 9)
    for tag, kind, count, value in entries:
        # Little-endian, so that a short value stands where a long one does.
        directory += struct.pack("<HHII", tag, kind, count, value)
    offsets = np.arange(end + 8 * n, end + 9 * n, dtype="<u4").tobytes()
    return b"II*\0\x08\0\0\0" + directory + bytes(4) + offsets + np.ones(n, "<u4").tobytes() + bytes(n)


def numbers_in_tiff(n_bytes: int) -> bytes:
    """Return a small TIFF with a long row of numbers under a tag of nobody's."""
    data = saved(picture("RGB", SMALL), "TIFF")
    place = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, place)[0]
    old = data[place + 2 : place + 2 + 12 * count]
    start = len(data) + 2 + 12 * (count + 1) + 4
    directory = struct.pack("<H", count + 1) + old + struct.pack("<HHII", 65000, 4, n_bytes // 4, start) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory + bytes(n_bytes)


def measured(path: str) -> tuple[int, float, str]:
    """Return by how many bytes reading an image lets a fresh process grow, its seconds, and what became of it."""
    into, out = os.pipe()
    if (child := os.fork()) == 0:
        Path("/proc/self/clear_refs").write_text("5")
        before, began = memory("VmRSS"), time.process_time()
        try:
            height, width, _ = as_sources([path])[0].load()[1].shape
            text = f"{width} x {height}"
        except ImageDecodeError as error:
            text = error.reason[:60]
        os.write(out, f"{memory('VmHWM') - before} {time.process_time() - began} {text}".encode())
        os._exit(0)
    os.close(out)
    with os.fdopen(into) as file:
        grown, seconds, text = (file.read() or f"0 0 ended by {os.waitpid(child, os.WNOHANG)}").split(" ", 2)
    os.waitpid(child, 0)
    return int(grown), float(seconds), text


def memory(name: str) -> int:
    """Return a figure of /proc/self/status in bytes."""
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0]) * 1024


def show(files: Iterator[tuple[str, Callable[[], bytes], float]], unit: str) -> float:
    """Print a line for each file, and return the most bytes for each unit."""
    most = 0.0
    print(f"| kind | file, MB | peak, MB | bytes a {unit} | s | |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "image")
        for kind, make, units in files:
            # Made in another process too: what this one has freed would be used again.
            if (maker := os.fork()) == 0:
                try:
                    Path(path).write_bytes(make())
                finally:
                    os._exit(0)
            os.waitpid(maker, 0)
            size = os.path.getsize(path)
            grown, seconds, text = measured(path)
            units = size if unit == "byte" else units
            most = max(most, grown / units)
            line = f"{size / 1e6:.1f} | {grown / 1e6:.0f} | {grown / units:.1f} | {seconds:.2f} | {text}"
            print(f"| {kind} | {line} |", flush=True)
    return most


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=3000, help="pixels along each side of the large images")
    parser.add_argument("--metadata", type=int, default=16_000_000, help="bytes of metadata")
    given = parser.parse_args()
    Image.init()
    cpu = Path("/proc/cpuinfo").read_text().partition("model name")[2].partition("\n")[0].strip("\t: ")
    versions = f"Pillow {PIL.__version__}, torchvision {torchvision.__version__}"
    print(f"{cpu}; Python {platform.python_version()}, {versions}\n")
    most = show(large(given.side), "pixel")
    print(f"\nat most {most:.1f} bytes a pixel\n")
    print(f"\nat most {show(padded(given.metadata), 'byte'):.1f} bytes a byte of the file")


if __name__ == "__main__":
    main()
