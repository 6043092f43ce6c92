"""Promised: an image's key is the digest of its content, whichever way it was passed, or the error of reading it."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from featx.cache import FileDigests
from featx.cache.digests import digest_array
from featx.exceptions import ImageDecodeError
from featx.extraction.digests import all_read, image_keys, joined_keys
from featx.images.sources import as_sources

PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    return path


def keys(images, **options):
    return image_keys(as_sources(images), FileDigests(None), threads=2, **options)


def test_keys_are_digests_of_content_in_order(file):
    content = hashlib.sha256(file.read_bytes()).digest()
    found = keys([str(file), PIXELS, file.read_bytes(), file.as_uri(), str(file)])
    assert found == [content, digest_array(PIXELS), content, content, content]
    assert all_read(found)


def test_what_cannot_be_read_is_an_error_in_its_place(file, tmp_path):
    good, missing, folder = keys([str(file), str(tmp_path / "b.png"), str(tmp_path)])
    assert isinstance(good, bytes)
    assert [type(error) for error in (missing, folder)] == [ImageDecodeError] * 2
    assert (missing.name, missing.reason) == (str(tmp_path / "b.png"), "No such file or directory")
    assert not all_read([good, missing])


def test_urls_that_are_not_fetched_are_known_by_their_text():
    url = "https://example.invalid/a.png"
    assert keys([url], fetch=False) == [hashlib.sha256(url.encode()).digest()]


def test_a_value_range_changes_keys_of_deep_images_only(file, tmp_path):
    deep = tmp_path / "deep.png"
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 200).save(deep)
    images = [str(file), str(deep)]
    plain = image_keys(as_sources(images), FileDigests(None), threads=1)
    ranged = image_keys(as_sources(images, value_range=(0, 4095)), FileDigests(None), threads=1)
    assert [a == b for a, b in zip(plain, ranged, strict=True)] == [True, False]


def test_joined_keys_are_those_of_all_images_or_the_first_error(tmp_path):
    files = [tmp_path / name for name in "ab"]
    for file in files:
        file.write_bytes(file.name.encode())
    expected = b"".join(hashlib.sha256(file.name.encode()).digest() for file in files)
    assert joined_keys(as_sources(files), FileDigests(None), threads=1) == expected
    with pytest.raises(ImageDecodeError, match="none"):
        joined_keys(as_sources([files[0], tmp_path / "none.png", tmp_path / "other.png"]), FileDigests(None), threads=1)
