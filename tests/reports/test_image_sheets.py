"""Promised: a sheet shows some images of every class as they are read, with what is predicted, wrong ones marked."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from featx.exceptions import DatasetError, ParameterError
from featx.images.sources import read_image
from featx.reports.image_sheets import LONGEST_SIDE, WRONG, plot_images

pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)


def grey(value, height=4, width=4):
    return np.full((height, width, 3), value, np.uint8)


def captions(axes):
    return [ax.get_xlabel() for ax in axes]


def values(axes):
    """Return the first value of each image, which tells the images of `grey` apart."""
    return [int(ax.get_images()[0].get_array()[0, 0, 0]) for ax in axes]


def heading(axes):
    return axes[0].figure.get_suptitle()


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [((90, 1, 50), (2, 1, 2)), ((30, 30), (3, 2)), ((2, 3), (2, 3)), ((2,) * 50, (1,) * 5)],
    ids=["one class is small", "two classes", "all", "more classes than images"],
)
def test_some_images_of_every_class_are_drawn_by_class(counts, drawn, tmp_path):
    labels = RNG.permutation(np.repeat([f"c{k:02d}" for k in range(len(counts))], counts))
    images = [grey(i % 256) for i in range(len(labels))]
    shown = captions(plot_images(images, labels, tmp_path / "a.png", n_images=5))
    assert shown == sorted(shown)
    assert sorted(Counter(shown).values()) == sorted(drawn)


def test_the_seed_chooses_and_the_same_images_give_the_same_file(tmp_path):
    images, labels = [grey(i) for i in range(99)], np.arange(99) % 2
    files = [tmp_path / f"{number}.png" for number in range(3)]
    first, same, other = (
        values(plot_images(images, labels, path, n_images=9, random_state=seed))
        for path, seed in zip(files, (1, 1, 2), strict=True)
    )
    assert first == same != other
    assert len(set(first)) == 9
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_wrong_prediction_has_a_frame_a_word_and_its_true_class(tmp_path):
    from matplotlib.colors import to_rgb

    axes = plot_images(
        [grey(1), grey(2), grey(3)], ["cat", "dog", "cat"], tmp_path / "a.svg",
        predictions=["cat", "cat", "cat"], probabilities=[0.5, 0.99999, 1],
    )  # fmt: skip
    found = dict(zip(values(axes), captions(axes), strict=True))
    assert found == {1: "cat\n50.0 %", 2: "cat\n> 99.9 %, wrong\ntrue: dog", 3: "cat\n> 99.9 %"}
    framed = [ax.spines["left"].get_edgecolor()[:3] == to_rgb(WRONG) for ax in axes]
    assert framed == ["wrong" in text for text in captions(axes)]
    assert heading(axes) == "images: all 3; wrong predictions are framed"


def test_what_is_not_known_is_not_written(tmp_path):
    images = [grey(1), grey(2)]
    assert captions(plot_images(images, path=tmp_path / "a.png")) == ["", ""]
    assert captions(plot_images(images, None, tmp_path / "a.png", predictions=[7, 7])) == ["7", "7"]
    shown = captions(plot_images(images, [7, 8], tmp_path / "a.png", predictions=[7, 7]))
    assert shown == ["7", "7\nwrong\ntrue: 8"]


@pytest.mark.parametrize(
    ("n", "labels", "text"),
    [
        (1, ["a"], "test images: 1"),
        (50, ["a"], "test images: 4 of 50, chosen at random"),
        (50, ["a", "b"], "test images: 4 of 50, chosen at random from both classes"),
        (50, range(50), "test images: 4 of 50, chosen at random from 4 of 50 classes"),
    ],
    ids=["one", "one class", "all classes", "some classes"],
)
def test_the_heading_says_what_is_shown(n, labels, text, tmp_path):
    axes = plot_images([grey(0)] * n, np.resize(list(labels), n), tmp_path / "a.png", title="test images", n_images=4)
    assert heading(axes) == text


def test_images_are_read_as_everywhere_and_scaled_down(tmp_path):
    turned = Image.fromarray(RNG.integers(0, 255, (40, 60, 3), np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    clear = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    deep = RNG.integers(0, 4096, (20, 20)).astype(np.uint16)
    images = [str(tmp_path / "turned.png"), clear, (tmp_path / "turned.png").read_bytes(), deep]
    axes = plot_images(images, list("abcd"), tmp_path / "a.png", value_range=(0, 4095))
    for ax, image in zip(axes, images, strict=True):
        assert np.array_equal(ax.get_images()[0].get_array(), read_image(image, value_range=(0, 4095)))
    sizes = [(3000, 2000), (4000, 7), (1, 1)]
    axes = plot_images([Image.new("RGB", size) for size in sizes], list("abc"), tmp_path / "a.png")
    side = LONGEST_SIDE
    assert [ax.get_images()[0].get_size() for ax in axes] == [(round(side * 2 / 3), side), (1, side), (1, 1)]


def test_images_that_cannot_be_read_are_replaced_and_named(tmp_path, caplog):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    bad = [str(tmp_path / "bad.png"), str(tmp_path / "missing.png"), "file:///missing.png", None]
    images = [*bad, *(grey(i) for i in range(1, 21))]
    axes = plot_images(images, ["a"] * 4 + ["b"] * 20, tmp_path / "a.png", n_images=6)
    assert captions(axes) == ["b"] * 6
    assert "4 images that cannot be read are not drawn; the first: cannot read image" in caplog.text
    assert "chosen at random from 1 of 2 classes" in heading(axes)
    axes = plot_images(images[:6], list("aaaabb"), tmp_path / "b.png")
    assert heading(axes) == "images: 2 of 6, those that can be read, from 1 of 2 classes"
    with pytest.raises(DatasetError, match=r"none of the images can be read\. The first: cannot read image"):
        plot_images(bad, list("abcd"), tmp_path / "c.png")
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["a"]}, "got 1 labels for 2 images"),
        ({"predictions": list("abc")}, "got 3 predictions for 2 images"),
        ({"probabilities": [0.5, 0.5]}, "got probabilities and no predictions"),
        ({"predictions": list("ab"), "probabilities": np.eye(2)}, r"of shape \(2, 2\); expected one for each"),
        ({"predictions": list("ab"), "probabilities": [0.1, 2]}, "not between 0 and 1"),
        ({"predictions": list("ab"), "probabilities": [0.1, np.nan]}, "not between 0 and 1"),
        ({"predictions": list("ab"), "probabilities": ["x", "y"]}, "not numbers"),
        ({"n_images": 0}, "got n_images=0; expected a positive integer"),
        ({"path": "a.jpg"}, "expected a name that ends in"),
        ({"title": ""}, "got title=''"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        plot_images([grey(0), grey(1)], **{"path": "a.png", **changes})


def test_no_images_and_a_single_one_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="got no images"):
        plot_images([], path=tmp_path / "a.png")
    with pytest.raises(ParameterError, match="single image"):
        plot_images(str(tmp_path / "a.png"))


def test_names_stay_apart_from_their_neighbours(pyplot):
    names = ["W" * 40, "i" * 40, "$5_a$", "two\nlines", "猫", "😀"]
    axes = plot_images([grey(i) for i in range(6)], names, predictions=names[1:] + names[:1])
    labels = [ax.xaxis.label for ax in axes]
    boxes = [label.get_window_extent() for label in labels]
    for ax, label, box in zip(axes, labels, boxes, strict=True):
        assert label.get_text().count("\n") == 2
        assert box.width < 1.1 * ax.get_position().width * ax.figure.bbox.width


def test_a_notebook_is_shown_the_figure(pyplot):
    axes = plot_images([grey(0), grey(9)], ["a", "b"])
    assert [pyplot.figure(number) for number in pyplot.get_fignums()] == [axes[0].figure]
