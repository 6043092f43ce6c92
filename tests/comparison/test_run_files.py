"""Promised: a fingerprint knows all that a run depends on, and nothing else."""

import numpy as np
import pytest
from comparisons import Network
from featx.cache import FileDigests
from PIL import Image

from featx import CNNFeatureTransformer, ParameterError, compare_strategies, make_strategy
from featx.comparison.run_files import RunFiles, describe_estimator, digest_images, fingerprint
from featx.extraction.digests import image_keys
from featx.images.sources import as_sources


def test_the_fingerprint_knows_the_weights_and_not_where_the_cache_lies(tiny, tmp_path):
    def described(**changed):
        return fingerprint(describe_estimator(make_strategy("frozen", CNNFeatureTransformer(**{**tiny, **changed}))))

    same = described()
    assert same == described(cache=str(tmp_path)) == described(n_jobs=2, verbose=True)
    others = {
        described(random_state=1),
        described(layer="features.3"),
        described(image_size=64),
        described(weights=None),
    }
    assert len({same, *others}) == 4
    assert fingerprint(np.arange(3)) == fingerprint(np.arange(3)) != fingerprint(np.arange(3.0))


def test_a_changed_file_is_another_image(tmp_path):
    def contents(images):
        keys = image_keys(as_sources(images), FileDigests(None), threads=1, fetch=False)
        return digest_images(keys, list(map(str, images)))

    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), "red").save(path)
    sources = [str(path), np.zeros((4, 4), np.uint8), str(tmp_path / "none.png"), "http://x.test/a.png"]
    first = contents(sources)
    Image.new("RGB", (4, 4), "blue").save(path)
    second = contents(sources)
    assert first.shape == (4, 32)
    assert (first == second).all(axis=1).tolist() == [False, True, True, True]


def test_a_folder_that_cannot_be_written_is_refused_at_once(dataset, calls, tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(ParameterError, match="cannot write into the folder"):
        compare_strategies(dataset, {"net": Network()}, folder=tmp_path / "file")
    assert not calls.calls
    assert RunFiles(None).load("name", "key") is None
