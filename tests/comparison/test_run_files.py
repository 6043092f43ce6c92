"""Promised: a fingerprint knows all that a run depends on, and nothing else."""

import json

import numpy as np
import pytest
from PIL import Image

from comparisons import Network
from featx import CNNFeatureTransformer, ParameterError, compare_strategies, make_strategy
from featx.cache import FileDigests
from featx.comparison.run_files import RunFiles, describe_estimator, digest_images, fingerprint
from featx.extraction.digests import image_keys
from featx.images.sources import as_sources
from featx.process import forget


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


def test_a_parameter_that_earlier_runs_did_not_have_counts_only_with_another_value(tiny):
    def described(**parameters):
        return describe_estimator(make_strategy("finetuned", CNNFeatureTransformer(**tiny), parameters=parameters))

    assert not any("warmup_learning_rate" in text for text in described())
    assert set(described(warmup_learning_rate=1e-3)) - set(described()) == {"warmup_learning_rate=0.001"}
    assert fingerprint(np.arange(3)) == fingerprint(np.arange(3)) != fingerprint(np.arange(3.0))


def test_on_how_many_images_parameters_are_chosen_counts_where_it_has_an_effect(tiny):
    def described(n_train, **parameters):
        strategy = make_strategy("frozen", CNNFeatureTransformer(**tiny), parameters=parameters)
        return [text for text in describe_estimator(strategy, n_train) if "tuning_images" in text]

    # Up to so many images, runs of versions that always chose on all are the same.
    assert described(20_000) == described(20_000, tuning_images=None) == described(300, tuning_images=300) == []
    assert described(20_001) == ["head__tuning_images=20000"]
    assert described(20_001, tuning_images=None) == described(20_001, tuning_images=30_000)
    assert described(20_001, tuning_images=None) == ["head__tuning_images=all"]
    assert described(300, tuning_images=200) == ["head__tuning_images=200"]


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


def test_a_checkpoint_of_another_name_is_gone_on_from_and_removed(tmp_path):
    files, key = RunFiles(tmp_path), "5" * 32
    before = files.checkpoint("a, 4 images", key)
    assert files.checkpoint("b, 4 images", key, any_name=True).name.startswith("b-4")
    before.write_text("half trained")
    assert files.checkpoint("b, 4 images", key, any_name=True) == before
    assert files.checkpoint("b, 4 images", key) != before
    files.save("b, 4 images", key, {"accuracy": 1.0}, np.zeros(2), any_name=True)
    assert not before.exists()
    assert files.load("a, 4 images", key, any_name=True)[0] == {"accuracy": 1.0}
    assert files.load("a, 4 images", key) is None


def test_runs_of_an_earlier_version_are_noted_once_and_not_used(tmp_path, caplog, monkeypatch):
    forget("remarks")
    files, array = RunFiles(tmp_path), np.zeros(2)
    files.save("frozen, 4 images", "0" * 32, {"accuracy": 1.0}, array)
    assert files.load("frozen, 4 images", "0" * 32)[0] == {"accuracy": 1.0}
    assert files.load("frozen, 4 images", "1" * 32) is None  # of other parameters
    assert not caplog.messages
    # As version 47e8b73 wrote them, and as a version with another number would.
    figures = json.dumps({"accuracy": 1.0, "fingerprint": "2" * 32})
    np.savez_compressed(tmp_path / f"frozen-4-images-{'2' * 16}.npz", figures=np.array(figures), array=array)
    monkeypatch.setattr("featx.comparison.run_files.__version__", "0.0")
    files.save("knn, 4 images", "0" * 32, {"accuracy": 1.0}, array)
    monkeypatch.undo()
    forget("remarks")
    assert files.load("svm, 4 images", "1" * 32) is None
    assert not caplog.messages
    for name in ("frozen, 4 images", "knn, 4 images"):
        caplog.clear()
        forget("remarks")
        assert files.load(name, "1" * 32) is files.load(name, "3" * 32) is None
        assert caplog.messages == [f"{tmp_path} holds run files of an earlier version of featx, which are not used"]
