"""A photograph in every container and mode, sound and with hostile metadata, and how to write such files."""

import functools
import io
import os
import pickle
import struct
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms
from sklearn.datasets import load_sample_images
from torch import nn

from featx.exceptions import ImageDecodeError
from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources, read_image
from featx.networks.resolve import resolve_backbone

PHOTO = Image.fromarray(load_sample_images().images[0][100:148, 200:264])
RGB, GREY = np.asarray(PHOTO).astype(int), np.asarray(PHOTO.convert("L"))
ALPHA = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8), GREY.shape)


def encode(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **({"quality": 95, "subsampling": 0} if format == "jpeg" else {}) | options)
    return file.getvalue()


def on_white(image, alpha=ALPHA):
    pixels = np.asarray(image.convert("RGB")).astype(float)
    return 255 - (255 - pixels) * (alpha[:, :, None] / 255)


def with_alpha(mode):
    image = PHOTO.convert(mode)
    image.putalpha(Image.fromarray(ALPHA.copy()))
    return image


def of_mode(mode):
    """Return the photograph in a mode, and what is to be read of it."""
    grey = np.repeat(GREY[:, :, None], 3, axis=2)
    if mode == "P+":
        image = PHOTO.quantize(16)
        return image, on_white(image, np.where(np.asarray(image) == 3, 0, 255))
    if mode in ("LA", "RGBA"):
        return with_alpha(mode[:-1]), on_white(PHOTO.convert(mode[:-1]))
    if mode in ("I;16", "I", "F"):
        dtype, scale = {"I;16": (np.uint16, 257), "I": (np.int32, 257), "F": (np.float32, 1 / 255)}[mode]
        return Image.fromarray((GREY.astype(float) * scale).astype(dtype)), grey
    image = PHOTO.quantize(16) if mode == "P" else PHOTO.convert(mode)
    return image, np.asarray(image.convert("RGB"))


# Pillow before 13 takes its own uncompressed TIFF in YCbCr for a truncated one.
YCBCR = ["YCbCr"] if int(PIL.__version__.partition(".")[0]) >= 13 else []
# Modes of each container, how it is written, and how far the mean of the pixels may be off.
CONTAINERS = {
    "jpg": ("jpeg", ["1", "L", "RGB", "CMYK", "YCbCr"], {}, 5),
    "progressive.jpg": ("jpeg", ["L", "RGB", "CMYK"], {"progressive": True}, 5),
    "png": ("png", ["1", "L", "LA", "P", "P+", "RGB", "RGBA", "I;16"], {}, 0.25),
    "webp": ("webp", ["L", "LA", "P", "P+", "RGB", "RGBA"], {"lossless": True, "exact": True}, 0.25),
    "gif": ("gif", ["1", "L", "P", "P+"], {}, 0),
    "bmp": ("bmp", ["1", "L", "P", "RGB"], {}, 0),
    "dib": ("dib", ["1", "L", "P", "RGB"], {}, 0),
    "tif": ("tiff", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", *YCBCR, "I;16", "I", "F"], {}, 0.25),
    "lzw.tif": ("tiff", ["L", "P", "RGB", "RGBA", "I;16", "F"], {"compression": "tiff_lzw"}, 0.25),
    "deflate.tiff": ("tiff", ["L", "RGB", "CMYK"], {"compression": "tiff_adobe_deflate"}, 0),
    "jpeg.tif": ("tiff", ["L", "RGB"], {"compression": "jpeg", "quality": 95}, 5),
    "fax.tif": ("tiff", ["1"], {"compression": "group4"}, 0),
    "avif": ("avif", ["L", "LA", "P", "P+", "RGB", "RGBA"], {"quality": 98, "subsampling": "4:4:4", "speed": 8}, 5),
    "ppm": ("ppm", ["1", "L", "RGB", "I;16", "I", "F"], {}, 0.25),
}
LOSSLESS = {"webp": {"lossless": True}}
FORMS = [(suffix, mode) for suffix, (_, modes, _, _) in CONTAINERS.items() for mode in modes]


def form(suffix, mode, **options):
    format, _, more, _ = CONTAINERS[suffix]
    extra = {"transparency": 3} if mode == "P+" and format not in ("webp", "avif") else {}
    image = of_mode(mode)[0]
    if mode == "P+" and format in ("webp", "avif"):
        image.info["transparency"] = 3
        image = image.convert("RGBA")
    return encode(image, format, **more, **extra, **options)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def exif(tag, kind, count, value):
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHI", 1, tag, kind, count) + value + bytes(4)


def claiming(avif, width, height):
    """Return an AVIF whose header claims another size than its frame has."""
    start = avif.index(b"ispe") + 8
    claimed = avif[:start] + struct.pack(">II", width, height) + avif[start + 8 :]
    # A sequence has a header of its own, in numbers of 16 and 16 bits.
    return claimed.replace(struct.pack(">II", 64 << 16, 48 << 16), struct.pack(">II", width << 16, height << 16))


PNG = encode(PHOTO, "png")
EXIF = {
    "nine": exif(0x112, 3, 1, struct.pack(">HH", 9, 0)),
    "text": exif(0x112, 2, 4, b"six\0"),
    "beyond": exif(0x112, 5, 1, struct.pack(">I", 9999)),
    "huge": exif(0x112, 3, 2**32 - 1, bytes(4)),
    "loop": exif(0x8769, 4, 1, struct.pack(">I", 8)),
    "garbage": b"Exif\0\0" + bytes(range(1, 200)),
    "short": b"Exif\0\0MM",
}
PROFILES = {"srgb": None, "zeros": bytes(128), "text": b"profile"}


@functools.cache
def odd():
    """Return images with damaged or hostile metadata, more pages than one or a wrong name; all can be read."""
    files = {"png.jpg": PNG, "jpeg.tif": encode(PHOTO, "jpeg"), "gif.webp": encode(PHOTO.quantize(64), "gif")}
    files["trailing.png"] = PNG + b"<?php phpinfo();" * 999
    for name, data in EXIF.items():
        for format in ("jpeg", "png", "webp"):
            files[f"exif-{name}.{format}"] = encode(PHOTO, format, exif=data, **LOSSLESS.get(format, {}))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in PROFILES.items():
        for format in ("jpeg", "png", "webp", "tiff"):
            more = {"icc_profile": profile or srgb, **LOSSLESS.get(format, {})}
            files[f"icc-{name}.{format}"] = encode(PHOTO, format, **more)
    frames = {"save_all": True, "append_images": [PHOTO.rotate(angle) for angle in range(20, 360, 20)]}
    files["frames.gif"] = encode(PHOTO.quantize(64), "gif", **frames)
    files["frames.webp"] = encode(PHOTO, "webp", lossless=True, **frames)
    files["pages.tiff"] = encode(PHOTO, "tiff", **frames | {"append_images": frames["append_images"] * 10})
    return files


@functools.cache
def encoded():
    """Return real images of every container and mode."""
    files = {f"{mode}.{suffix}": form(suffix, mode) for suffix, mode in FORMS}
    return files | {name: odd()[name] for name in ("pages.tiff", "frames.gif", "frames.webp", "icc-srgb.png")}


def write(folder, name, data):
    path = os.path.join(os.fsencode(folder), name if isinstance(name, bytes) else os.fsencode(name))
    with open(path, "wb") as file:
        file.write(data)
    return os.fsdecode(path)


def write_all(folder, files):
    folder.mkdir(exist_ok=True)
    return [write(folder, name, data) for name, data in files.items()]


@functools.cache
def averaging():
    """Return a network whose rows cannot depend on how images are batched: means of 8 x 8 pixels."""
    module = nn.Sequential(nn.AvgPool2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return resolve_backbone(module, image_size=32, resize="squash")


def extract(images, *, cache=None, **options):
    """Return the embeddings of the averaging network; what cannot be read is skipped."""
    options = {"views": [("0", "flatten")], "cache": cache, "batch_size": 8, "on_error": "skip", **options}
    return extract_embeddings(as_sources(images), averaging(), **options)


def mixed(sound, others):
    """Return both in a random order, and the positions of the sound ones in theirs."""
    order = np.random.default_rng(0).permutation(len(sound) + len(others))
    positions = {int(number): position for position, number in enumerate(order)}
    return [[*sound, *others][number] for number in order], [positions[i] for i in range(len(sound))]


def refusal(image, **options):
    """Return the error of an image that must be refused, which names it and survives pickling."""
    with pytest.raises(ImageDecodeError) as caught:
        read_image(image, **options)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert not isinstance(image, str | os.PathLike) or str(image) in str(caught.value)
    assert caught.value.reason.strip()
    return caught.value
