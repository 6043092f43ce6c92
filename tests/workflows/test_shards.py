"""Promised: shards fill caches that merge to what one run fills, and what is missing is known."""

import numpy as np
import pytest
from PIL import Image

from featx import CNNFeatureTransformer, EmbeddingCache, ImageDataset
from featx.datasets.shards import Shard, shard_numbers
from featx.exceptions import ImageDecodeError, ParameterError
from featx.images.sources import ImageSource
from featx.workflows.shards import ShardState, fill_cache, shard_states


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    paths = [str(tmp_path / "data" / f"{number}.png") for number in range(24)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    return ImageDataset(paths, paths)


@pytest.fixture
def made(tiny, tmp_path):
    def transformer(name, **options):
        return CNNFeatureTransformer(**tiny, precision="float32", cache=str(tmp_path / name), **options)

    return transformer


def numbers_of(data, tmp_path, count=4):
    return shard_numbers(data.images, data.names, data=str(tmp_path / "data"), count=count)


def test_shards_with_caches_of_their_own_merge_to_a_whole(data, made, tmp_path, forwards):
    expected = made("whole").fit_transform(data.images)
    forwards.since()
    numbers = numbers_of(data, tmp_path)
    for n in range(1, 5):
        fill_cache(data.take(Shard(n, 4).rows(numbers)), made(f"part{n}"))
    assert forwards.since() == 24
    merged = EmbeddingCache(tmp_path / "merged")
    merged.merge([tmp_path / f"part{n}" for n in range(1, 4)])
    sizes = np.bincount(numbers, minlength=5)[1:]
    states = shard_states(data, made("merged"), numbers, count=4)
    assert states == [ShardState(n, sizes[n - 1], 0 if n < 4 else sizes[3], 0) for n in range(1, 5)]
    merged.merge([tmp_path / "part4"])
    assert merged.verify().clean
    assert not any(state.n_missing for state in shard_states(data, made("merged"), numbers, count=4))
    assert np.array_equal(made("merged").fit_transform(data.images), expected)
    assert forwards.since() == 0


def test_what_cannot_be_decoded_is_not_waited_for(data, made, tmp_path):
    with open(data.images[3], "wb") as file:
        file.write(b"no image")
    numbers = numbers_of(data, tmp_path)
    result = fill_cache(data, made("cache", on_error="skip"))
    assert [failure.index for failure in result.failures] == [3]
    states = shard_states(data, made("cache"), numbers, count=4)
    assert sum(state.n_missing for state in states) == 0
    assert [state.n_unreadable for state in states] == [int(numbers[3] == n) for n in range(1, 5)]


@pytest.mark.parametrize("for_ever", [False, True])
def test_a_disk_that_fails_does_not_make_content_unreadable(data, made, tmp_path, monkeypatch, for_ever):
    numbers, read, failed = numbers_of(data, tmp_path), ImageSource.read, []

    def failing(image):
        if image.content == data.images[3] and (for_ever or not failed):
            failed.append(image)
            raise ImageDecodeError(image.name, "Input/output error")
        return read(image)

    shard_states(data, made("cache"), numbers, count=4)  # digests are remembered
    with monkeypatch.context() as patch:
        patch.setattr(ImageSource, "read", failing)
        if for_ever:
            assert [failure.index for failure in fill_cache(data, made("cache", on_error="skip")).failures] == [3]
        else:  # a shard that is not whole is no success
            with pytest.raises(ImageDecodeError, match=r"can be now\. Run the same command again"):
                fill_cache(data, made("cache", on_error="skip"))
    states = shard_states(data, made("cache"), numbers, count=4)
    assert [state.n_missing for state in states] == [int(numbers[3] == n) for n in range(1, 5)]
    assert not any(state.n_unreadable for state in states)
    assert not fill_cache(data, made("cache")).failures
    assert not any(state.n_missing for state in shard_states(data, made("cache"), numbers, count=4))


def test_no_cache_is_refused(data, made, tiny):
    with pytest.raises(ParameterError, match="expected a cache"):
        fill_cache(data, CNNFeatureTransformer(**tiny, cache=None))
