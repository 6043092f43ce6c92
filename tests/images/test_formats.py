"""Promised: AVIF, PBM and PFM are read; what is in another format is named by its content or suffix."""

import io
import os
import struct

import numpy as np
import pytest
from PIL import Image

from encoded_images import CONTAINERS
from featx import CNNFeatureTransformer, as_sources, read_image
from featx.exceptions import ImageDecodeError
from featx.images.formats import EXTENSIONS, PILLOW_FORMATS, UNSUPPORTED, supported_format, unsupported_format

LEFT, TOP = np.meshgrid(np.linspace(0, 255, 24), np.linspace(0, 255, 16))
PICTURE = np.stack([LEFT, TOP, 255 - LEFT / 2], axis=2).astype(np.uint8)
AVIF = {"format": "avif", "quality": 100, "subsampling": "4:4:4", "speed": 8}


def encode(image, format, **options):
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, format=format, **options)
    return file.getvalue()


def write(path, data):
    path.write_bytes(data)
    return path


def refusal(data, name="a.jpg"):
    with pytest.raises(ImageDecodeError) as caught:
        as_sources([bytearray(data)], names=[name])[0].load()
    return caught.value


def test_a_bitmap_and_a_map_of_floats_are_read(tmp_path):
    bits = write(tmp_path / "a.pbm", b"P1\n3 1\n101\n")
    assert read_image(bits)[0, :, 0].tolist() == [0, 255, 0]
    floats = write(tmp_path / "a.pfm", encode(np.array([[0, 0.4], [1, 0]], np.float32), "ppm"))
    assert read_image(floats)[..., 0].tolist() == [[0, 102], [255, 0]]


FLIPS = [(1, 1), (1, 1), (1, -1), (-1, -1), (-1, 1), (1, 1), (-1, 1), (-1, -1), (1, -1)]


@pytest.mark.parametrize("number", range(1, 9))
def test_the_orientation_of_an_avif_is_applied_once(number):
    exif = Image.Exif()
    exif[0x0112] = number
    rows, columns = FLIPS[number]
    upright = PICTURE[::rows, ::columns].transpose((1, 0, 2) if number >= 5 else (0, 1, 2))
    data = encode(PICTURE, **AVIF, exif=exif)
    # Pillow writes it as boxes of the container, which count; EXIF that says otherwise does not.
    assert (b"irot" in data or b"imir" in data) == (number > 1)
    np.testing.assert_allclose(read_image(data).astype(int), upright, atol=12)
    exif = Image.Exif()
    exif[0x0112], exif[0x0111] = number, 6
    data = encode(PICTURE, **AVIF, exif=exif)
    spoilt = (
        data.replace(b"\x01\x11", b"\x01\x12")
        if data.count(b"\x01\x11") == 1
        else data.replace(b"\x11\x01", b"\x12\x01")
    )
    assert spoilt != data
    np.testing.assert_allclose(read_image(spoilt).astype(int), upright, atol=12)


def test_the_alpha_of_an_avif_is_blended_with_white():
    alpha = np.broadcast_to(np.linspace(0, 255, 24).astype(np.uint8), PICTURE.shape[:2])
    expected = 255 - (255 - PICTURE.astype(float)) * (alpha[:, :, None] / 255)
    pixels = read_image(encode(np.dstack([PICTURE, alpha]), **AVIF))
    np.testing.assert_allclose(pixels.astype(int), expected, atol=12)


def test_the_first_frame_of_an_avif_is_taken():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    data = encode(frames[0], **AVIF, save_all=True, append_images=frames[1:])
    assert data[8:12] == b"avis"
    np.testing.assert_allclose(read_image(data)[8, 8], (255, 0, 0), atol=6)


def test_there_are_samples_of_every_format():
    assert {format.upper() for format, *_ in CONTAINERS.values()} == set(PILLOW_FORMATS)


def test_formats_that_are_read_run_no_program():
    assert set(PILLOW_FORMATS).isdisjoint({"EPS", "WMF", "GRIB", "BUFR", "HDF5", "FITS", "PSD", "MPEG", "PCD", "ICNS"})


@pytest.mark.parametrize("suffix", sorted(EXTENSIONS))
def test_every_suffix_that_is_read_is_one_of_pillows(suffix):
    # .apng is a PNG, .mpo a JPEG with further pictures behind it.
    known = {**Image.registered_extensions(), ".mpo": "JPEG", ".apng": "PNG"}
    assert known[suffix] in PILLOW_FORMATS
    assert suffix not in UNSUPPORTED


FTYP = b"\0\0\0\x18ftyp%s\0\0\0\0mif1"
CONTENTS = {
    "HEIC": [FTYP % b"heic", FTYP % b"mif1", FTYP % b"heix", FTYP % b"msf1"],
    "JPEG 2000": [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\0"],
    "JPEG XL": [b"\xff\x0a\0", b"\0\0\0\x0cJXL \r\n\x87\n"],
    "SVG": [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a -->\n<svg>",
            b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN">\n<svg >'],
    "HTML": [b"<!DOCTYPE html><html>", b"\n<html lang=en>", b"<HTML><HEAD>"],
    "XML": [b"<?xml version='1.0'?><annotation>"],
    "JSON": [b'{"message": "not found"}', b'[{"a": 1}]'],
    "Git LFS pointer": [b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 5\n"],
    "PDF": [b"%PDF-1.7\n"],
    "PostScript": [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xc5\xd0\xd3\xc6"],
    "Photoshop": [b"8BPS\0\x01"],
    "DICOM": [bytes(128) + b"DICM"],
    "camera RAW": [FTYP % b"crx ", b"FUJIFILMCCD-RAW 0201"],
    "OpenEXR": [b"\x76\x2f\x31\x01"],
    "Radiance HDR": [b"#?RADIANCE\n"],
    "FITS": [b"SIMPLE  =                    T"],
    "icon": [b"\0\0\1\0\1\0\x10\x10\0\0"],
    "video": [FTYP % b"isom", b"RIFF\0\0\0\0AVI LIST", b"\x1a\x45\xdf\xa3"],
    "NumPy": [b"\x93NUMPY\1\0"],
    "HDF5": [b"\x89HDF\r\n\x1a\n"],
    "archive": [b"PK\3\4", b"\x1f\x8b\x08", bytes(257) + b"ustar"],
    "pickle": [b"\x80\x04\x95"],
    "PFM of three channels": [b"PF\n2 2\n-1.0\n"],
    "PAM": [b"P7\nWIDTH 2\n"],
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENTS)
def test_content_in_a_format_that_is_not_read_is_named_whatever_its_suffix(name):
    for head in CONTENTS[name]:
        for suffix in ("jpg", "png", "npy", "heic"):
            error = refusal(head + bytes(600) if name != "Git LFS pointer" else head, f"a.{suffix}")
            assert error.reason == f"{name}, a format that is not read"
            assert error.next_step.endswith(".")


@pytest.mark.parametrize("suffix", sorted(UNSUPPORTED))
def test_a_suffix_names_a_format_where_the_content_does_not(suffix):
    for given in (suffix, suffix.upper()):
        error = refusal(b"\1\2\3 what nobody knows", f"folder.jpg/a{given}")
        assert error.reason == f"{UNSUPPORTED[suffix][0]}, a format that is not read"
        assert error.next_step == UNSUPPORTED[suffix][1]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
        (b"GIF89a", "GIF"),
        (b"II*\0\x08\0", "TIFF"),
        (FTYP % b"avif" + b"avif", "AVIF"),
        (FTYP % b"mif1" + b"avif", "AVIF"),
        (b"P5\n", "PPM"),
    ],
)
def test_what_is_read_and_damaged_is_named_too(data, name):
    assert supported_format(data) == name
    assert f"damaged or truncated {name}" in refusal(data, "a.heic").reason


def test_words_are_no_formats():
    for text in (b"this is no image", b"moov along", b"a file\nwith ftyp in it", b"P5", b"BMW", b"PK", b"\n", b"<b>"):
        assert unsupported_format(text) is None
        assert supported_format(text) is None
    assert refusal(b"this is no image").reason == "not an image in a known format"


def tiff_with(*entries):
    """Return a grey TIFF of 2 x 2 pixels with further tags."""
    tags = [
        (254, 4, 0),
        (256, 3, 2),
        (257, 3, 2),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (278, 3, 2),
        (279, 4, 4),
    ]
    tags = sorted({tag: (tag, kind, value) for tag, kind, value in [*tags, *entries]}.values())
    body = b"".join(struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 12) + bytes([9, 99, 199, 255]) + struct.pack("<H", len(tags)) + body + bytes(4)


def test_the_preview_in_a_cameras_raw_file_is_not_taken_for_the_picture():
    assert read_image(tiff_with())[..., 0].tolist() == [[9, 99], [199, 255]]
    assert read_image(tiff_with((254, 4, 1))).shape == (2, 2, 3)
    for raw in (tiff_with((50706, 4, 0x401)), tiff_with((254, 4, 1), (330, 4, 8))):
        assert refusal(raw, "a.dng").reason == "camera RAW, a format that is not read"


RAW = sorted(suffix for suffix, (name, _) in UNSUPPORTED.items() if name == "camera RAW")


@pytest.mark.parametrize("suffix", RAW)
def test_a_tiff_is_a_cameras_raw_file_where_its_name_says_so(tmp_path, suffix):
    for name in (f"a{suffix}", f"A{suffix.upper()}", f"https://host/a{suffix}?size=2"):
        for data in (tiff_with(), tiff_with()[:20], b"MM\0*\0\0\0\x08\0", b"II+\0\x08\0"):
            error = refusal(data, name)
            assert error.reason == "camera RAW, a format that is not read"
            assert error.next_step == UNSUPPORTED[".dng"][1]
    # Of content that is no TIFF the name says nothing.
    assert read_image(write(tmp_path / f"a{suffix}", encode(PICTURE, "png"))).shape == PICTURE.shape


def test_a_raw_file_of_canon_is_known_by_its_first_bytes():
    assert refusal(b"II*\0\x10\0\0\0CR\2\0" + bytes(20), "a.jpg").reason.startswith("camera RAW")
    # Pixels may be these letters.
    letters = tiff_with()[:8] + b"CR\2\0" + tiff_with()[12:]
    assert as_sources([bytearray(letters)], names=["a.tif"])[0].load()[1][0, :, 0].tolist() == [67, 82]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"P6\n8 8\n255\xa7\xe4\xb7\xaa\xed\xaa\x13\xcd" + bytes(200), "a damaged or truncated PPM (ValueError: Token"),
        (b"P6\n8 hunter2\n255\n", "a damaged or truncated PPM (ValueError: invalid literal for int() with base 10)"),
        (b"P5\n1 '\xe4\n255\n", "a damaged or truncated PPM (ValueError: invalid literal for int() with base 10)"),
        (b"P3\n1 1\n255\n1 2 hunter2\n", "ValueError: invalid literal for int() with base 10"),
        (b"P3\n1 1\n255\n1 2 hunter299999999999999999\n", "ValueError: Token too long found in data"),
    ],
)
def test_the_content_of_a_damaged_ppm_is_not_shown(data, words):
    reason = refusal(data, "a.ppm").reason
    assert reason.startswith(words)
    assert reason.isprintable()
    assert not [part for part in ("hunter2", "\\x", "b'") if part in reason]


def test_the_reason_is_among_the_failures_and_nothing_of_the_content(tiny, tmp_path):
    secret = write(tmp_path / "a.png", b'{"password": "hunter2"}')
    Image.fromarray(PICTURE).save(tmp_path / "b.ppm")
    transformer = CNNFeatureTransformer(**tiny, cache=None, on_error="skip")
    rows = transformer.fit_transform([secret, tmp_path / "b.ppm", (FTYP % b"heic") + bytes(9)])
    assert np.isnan(rows).all(axis=1).tolist() == [True, False, True]
    assert [failure.reason.partition(",")[0] for failure in transformer.failures_] == ["JSON", "HEIC"]
    assert "hunter2" not in str(transformer.failures_)
    assert os.path.basename(transformer.failures_[0].name) == "a.png"
