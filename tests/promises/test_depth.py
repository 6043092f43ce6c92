"""Promised: black and white are said by the type or by value_range, for files as for arrays, and never guessed."""

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone

from commands import NETWORK, featx
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, EmbeddingCache, load_model
from featx.images.sources import as_sources, read_image

GREY = np.arange(256, dtype=np.uint16).reshape(16, 16)
RGB = np.repeat(GREY[:, :, None], 3, axis=2).astype(np.uint8)
TWELVE = (0, 4095)
# 12 bits that are seen as GREY when their range is said.
DEEP = np.rint(GREY * (4095 / 255)).astype(np.uint16)
FORMS = {
    "16-bit.png": DEEP,
    "16-bit.tif": DEEP,
    "32-bit.tif": DEEP.astype(np.int32),
    "float.tif": DEEP.astype(np.float32),
}


def save(path, array):
    Image.fromarray(array).save(path)
    return str(path)


def packed_12_bits(path):
    """Write a TIFF of 12 bits a sample, two samples in three bytes."""
    Image.fromarray(DEEP).save(path)
    first, second = DEEP.reshape(-1, 2).T.astype(int)
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1).astype(np.uint8).tobytes()
    with Image.open(path) as image:
        offset = image.tile[0].offset
    data = path.read_bytes()
    head = data[:offset].replace(
        b"\x02\x01\x03\x00\x01\x00\x00\x00\x10\x00", b"\x02\x01\x03\x00\x01\x00\x00\x00\x0c\x00"
    )
    head = head.replace((512).to_bytes(4, "little"), len(packed).to_bytes(4, "little"))
    path.write_bytes(head + packed)
    return str(path)


@pytest.mark.parametrize("value_range", [TWELVE, [0.0, 4095.0], "minmax"])
@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_a_value_range_holds_for_files_and_pil_images_of_more_than_8_bits(tmp_path, name, opened, value_range):
    path = save(tmp_path / name, FORMS[name])
    image = Image.open(path) if opened else path
    np.testing.assert_array_equal(read_image(image, value_range=value_range), RGB)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_a_value_range_holds_for_16_bits_in_either_order(order):
    image = Image.frombytes("I;16B" if order == ">u2" else "I;16", DEEP.shape, DEEP.astype(order).tobytes())
    np.testing.assert_array_equal(read_image(image, value_range=TWELVE), RGB)


def test_a_tiff_of_12_bits_has_the_scale_of_12_bits(tmp_path):
    np.testing.assert_array_equal(read_image(packed_12_bits(tmp_path / "a.tif")), RGB)


@pytest.mark.parametrize("name", FORMS)
def test_values_outside_the_range_are_refused_with_the_next_step(tmp_path, name):
    with pytest.raises(ValueError, match=r"0 to 4095 lie outside 0 to 1023.*value_range=\(low, high\)"):
        read_image(save(tmp_path / name, FORMS[name]), value_range=(0, 1023))


def test_no_image_has_a_scale_of_its_own_but_with_minmax(tmp_path):
    """Three images of one set that differ in brightness alone keep their difference."""
    for name, array in (("a.tif", np.float32(GREY / 255)), ("b.png", GREY * 257), ("c.tif", GREY.astype("i4") * 257)):
        bright, dark = save(tmp_path / f"bright-{name}", array), save(tmp_path / f"dark-{name}", (array // 1024))
        assert read_image(bright).max() == 255
        assert read_image(dark).max() == round(255 * (array // 1024).max() / (1 if name == "a.tif" else 65535))
    with pytest.raises(ValueError, match="lie outside 0 to 1"):
        read_image(save(tmp_path / "d.tif", GREY.astype(np.float32)))


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u4", "u8"])
def test_an_array_of_integers_without_a_scale_is_refused_until_a_range_is_given(dtype):
    array = np.array([[0, 100]]).astype(dtype)
    with pytest.raises(ValueError, match=f"{array.dtype} have no scale of their own.*value_range"):
        read_image(array)
    assert read_image(array, value_range=(0, 100))[0, :, 0].tolist() == [0, 255]


def test_16_bit_colour_is_read_with_8_bits_and_takes_no_range():
    # Pillow writes none, so the file is made by hand.
    import io
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def png(values, colour):
        height, width = values.shape[:2]
        lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
        header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines))
                + chunk(b"IEND", b""))  # fmt: skip

    for colour, channels in ((2, 3), (6, 4), (4, 2)):
        values = np.repeat((GREY * 257)[:, :, None], channels, axis=2)
        if channels in (2, 4):
            values[:, :, -1] = 65535
        image = Image.open(io.BytesIO(png(values, colour)))
        with pytest.raises(ValueError, match="16-bit colour is read with 8 bits"):
            read_image(image, value_range=TWELVE)
        np.testing.assert_array_equal(read_image(image, value_range=(0, 65535)), RGB)


def rows(cache):
    return sum(spec.rows for spec in cache.info())


def test_the_range_is_part_of_the_key_where_it_changes_what_is_seen_and_nowhere_else(tiny, tmp_path, forwards):
    cache = EmbeddingCache(tmp_path / "cache")
    X = [save(tmp_path / "deep.png", DEEP), save(tmp_path / "plain.png", RGB)]

    def embed(value_range):
        return CNNFeatureTransformer(**tiny, cache=cache, value_range=value_range).fit_transform(X)

    full = embed(None)
    assert forwards.since() == 2
    twelve = embed(TWELVE)
    assert forwards.since() == 1
    assert rows(cache) == 3
    np.testing.assert_array_equal(full[1], twelve[1])
    assert np.abs(full[0] - twelve[0]).max() > 1e-3
    # What 12 bits hold, seen as it is, is the plain image.
    np.testing.assert_allclose(twelve[0], twelve[1], rtol=1e-4, atol=1e-5)
    for known in (None, TWELVE, [0.0, 4095.0]):
        embed(known)
    assert forwards.since() == 0
    np.testing.assert_array_equal(embed(TWELVE), twelve)
    again = EmbeddingCache(tmp_path / "cache")  # as another process does
    other = CNNFeatureTransformer(**tiny, cache=again, value_range=TWELVE).fit_transform(X)
    np.testing.assert_array_equal(other, twelve)
    assert forwards.since() == 0


def test_a_file_that_changes_its_depth_is_served_what_it_is(tiny, tmp_path):
    cache = EmbeddingCache(tmp_path / "cache")
    path = save(tmp_path / "a.png", RGB)
    options = {**tiny, "value_range": TWELVE}
    for array in (RGB, DEEP, RGB, DEEP // 2, DEEP):
        save(path, array)
        found = CNNFeatureTransformer(**options, cache=cache).fit_transform([path])
        np.testing.assert_array_equal(found, CNNFeatureTransformer(**options, cache=None).fit_transform([path]))


def test_workers_see_the_range_and_tell_of_a_small_part(tiny, tmp_path, remarks):
    X = [save(tmp_path / f"{number}.png", DEEP // (number + 1)) for number in range(8)]
    options = {**tiny, "batch_size": 2, "cache": tmp_path / "cache"}
    with joblib.parallel_config("loky", n_jobs=2):
        full = CNNFeatureTransformer(**options).fit_transform(X)
        assert len(remarks()) == 1
        twelve = CNNFeatureTransformer(**options, value_range=TWELVE).fit_transform(X)
    options["cache"] = None
    np.testing.assert_allclose(full, CNNFeatureTransformer(**options).fit_transform(X), atol=1e-4)
    expected = CNNFeatureTransformer(**options, value_range=TWELVE).fit_transform(X)
    np.testing.assert_allclose(twelve, expected, atol=1e-4)


KINDS = {
    "files": lambda folder, n: save(folder / f"{n}.png", DEEP // (n + 1)),
    "arrays": lambda folder, n: DEEP // (n + 1),
    "images": lambda folder, n: Image.fromarray(DEEP // (n + 1)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_of_16_bits_that_uses_a_small_part_of_its_scale_is_told_of_once(tiny, tmp_path, remarks, kind):
    X = [KINDS[kind](tmp_path, number) for number in range(4)]
    for _ in range(2):
        CNNFeatureTransformer(**tiny, cache=None).fit_transform(X)
    assert len(remarks()) == 1
    assert "4,095 of 65,535" in remarks()[0]
    assert "--value-range 0,4095" in remarks()[0]


@pytest.mark.parametrize("largest", [8192, 30_000, 65_535])
def test_a_set_of_which_one_image_uses_more_is_not(tiny, remarks, largest):
    X = [DEEP, DEEP, np.where(DEEP.max() == DEEP, largest, DEEP).astype(np.uint16)]
    CNNFeatureTransformer(**tiny, cache=None).fit_transform(X)
    assert remarks() == []


@pytest.mark.parametrize("boundary_cache_bytes", [10**9, 0])
def test_fine_tuning_sees_the_range(tiny, tmp_path, remarks, boundary_cache_bytes):
    X = [save(tmp_path / f"{number}.png", DEEP if number % 2 else DEEP.T) for number in range(8)]
    plain = [RGB if number % 2 else RGB.transpose(1, 0, 2) for number in range(8)]
    options = {**tiny, "epochs": 1, "early_stopping": False, "boundary_cache_bytes": boundary_cache_bytes,
               "cache": None, "augmentation": "none", "head_init": "random"}  # fmt: skip
    model = CNNFineTuneClassifier(**options, value_range=TWELVE).fit(X, [0, 1] * 4)
    expected = CNNFineTuneClassifier(**options).fit(plain, [0, 1] * 4)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(plain), atol=1e-5)
    assert remarks() == []
    clone(model).set_params(value_range=None).fit(X, [0, 1] * 4)
    assert sum("small part of their scale" in remark for remark in remarks()) == 1


@pytest.mark.parametrize("kind", ["files", "images"])
def test_a_range_for_8_bits_says_that_it_does_nothing(tiny, tmp_path, remarks, kind):
    X = [save(tmp_path / f"{n}.png", RGB // (n + 1)) if kind == "files" else Image.fromarray(RGB) for n in range(3)]
    model = CNNFeatureTransformer(**tiny, cache=None, value_range=TWELVE)
    np.testing.assert_array_equal(model.fit_transform(X), CNNFeatureTransformer(**tiny, cache=None).fit_transform(X))
    model.transform(X)
    assert remarks() == [
        "value_range=(0, 4095) has no effect on these images: all of them are read with 8 bits a channel, of which 0 "
        "is black and 255 white"
    ]


def test_a_set_that_is_looked_at_beforehand_says_nothing_of_its_first_image(tiny, tmp_path, remarks):
    from featx import forecast_extraction, load_dataset
    from featx.comparison.plan import check_strategies
    from featx.comparison.strategies import make_strategy

    for name, array in (("a/0.png", RGB), ("a/1.png", DEEP), ("b/0.png", RGB), ("b/1.png", DEEP)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save(tmp_path / name, array)
    data = load_dataset(str(tmp_path))
    transformer = CNNFeatureTransformer(**tiny, cache=None, value_range=TWELVE)
    forecast_extraction(data, transformer)
    check_strategies({"frozen": make_strategy("frozen", transformer)}, transformer, data)
    assert remarks() == []


def test_what_is_no_file_is_not_opened_to_see_what_it_holds(tiny, tmp_path):
    import os

    os.mkfifo(tmp_path / "a.png")
    X = [save(tmp_path / "b.png", RGB), str(tmp_path / "a.png"), str(tmp_path / "missing.png")]
    model = CNNFeatureTransformer(**tiny, cache=None, value_range=TWELVE, on_error="skip")
    assert np.isnan(model.fit_transform(X)[:, 0]).tolist() == [False, True, True]


def test_a_range_that_has_an_effect_on_one_image_says_nothing(tiny, tmp_path, remarks):
    X = [save(tmp_path / "a.png", RGB), save(tmp_path / "b.png", DEEP)]
    CNNFeatureTransformer(**tiny, cache=None, value_range=TWELVE).fit_transform(X)
    assert remarks() == []


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """Two classes of 12-bit greys in files of 16 bits."""
    root = tmp_path_factory.mktemp("classes")
    rng = np.random.default_rng(0)
    for name, flip in (("left", 1), ("right", -1)):
        (root / name).mkdir()
        for number in range(12):
            noise = rng.integers(0, 300, DEEP.shape)
            save(root / name / f"{number}.png", np.clip(DEEP[:, ::flip].T + noise, 0, 4095).astype(np.uint16))
    return root


@pytest.mark.parametrize("command", ["fit", "finetune"])
def test_a_model_keeps_the_range_that_its_command_was_given(classes, tmp_path, command):
    model = tmp_path / "model.skops"
    options = {"fit": ("--cv", 3, "--grid", "logistic.C=0.01"), "finetune": ("--epochs", 1)}[command]
    featx(command, classes, "-o", model, *NETWORK, "--value-range", "0,4095", *options)
    loaded = load_model(model)
    reader = loaded[0] if command == "fit" else loaded
    assert reader.value_range == TWELVE
    image = classes / "left" / "0.png"
    kept = featx("predict", model, image, "--format", "csv", "--cache", "none").output
    same = featx("predict", model, image, "--format", "csv", "--cache", "none", "--value-range", "0,4095").output
    other = featx("predict", model, image, "--format", "csv", "--cache", "none", "--value-range", "0,65535").output
    assert kept == same != other


def test_extract_and_compare_take_a_range(classes, tmp_path):
    import h5py

    def embeddings(*arguments):
        featx("extract", classes, "-o", tmp_path / "a.h5", *NETWORK, *arguments)
        with h5py.File(tmp_path / "a.h5") as file:
            return file["embeddings"][:]

    full, twelve, minmax = embeddings(), embeddings("--value-range", "0,4095"), embeddings("--value-range", "minmax")
    assert len(np.unique(np.round([full[0], twelve[0], minmax[0]], 5), axis=0)) == 3
    options = ("--strategy", "frozen:ridge", "--repeats", 1, "--no-transfer", *NETWORK)
    featx("compare", classes, *options, "--value-range", "0,4095")
    refused = featx("compare", classes, *options, "--value-range", "0,100", code=2).output
    assert "lie outside 0 to 100" in refused
    skipped = featx("compare", classes, *options, "--value-range", "0,100", "--on-error", "skip", code=2).output
    assert "none of the images can be read" in skipped


@pytest.mark.parametrize("text", ["0", "0,1,2", "a,b", "", "max", "(0,1)"])
def test_a_range_that_is_none_is_a_usage_error(classes, tmp_path, text):
    output = featx("extract", classes, "-o", tmp_path / "a.h5", *NETWORK, "--value-range", text, code=2).output
    assert "neither two numbers" in output


def test_a_range_upside_down_is_refused(classes, tmp_path):
    output = featx("extract", classes, "-o", tmp_path / "a.h5", *NETWORK, "--value-range", "5,1", code=2).output
    assert "the first number must be below the second" in output


def test_depths_are_remembered_by_content_and_read_once(tmp_path, monkeypatch):
    from featx.extraction.digests import image_keys
    from featx.images import sources as images

    opened = []
    look = images.holds_high_depth
    monkeypatch.setattr(images, "holds_high_depth", lambda data: opened.append(1) or look(data))
    sources = as_sources([save(tmp_path / "a.png", DEEP), save(tmp_path / "b.png", RGB)], value_range=TWELVE)
    for cache in (EmbeddingCache(tmp_path / "cache"), EmbeddingCache(tmp_path / "cache")):
        keys = image_keys(sources, cache.digests, threads=1)
        assert keys == [source.load()[0] for source in sources]
        assert len(opened) == 2
