"""Promised: a model finds its own weights where they are now, and takes no other file for them."""

import os
import shutil

import numpy as np
import pytest
import skops.io
import torch
from click.testing import CliRunner
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from torchvision import models

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, load_model, save_model
from featx.cli import main
from featx.exceptions import ModelFileError, WeightsError
from featx.model_files.trusted_types import trusted_types
from saved_models import LABELS, refusal

RNG = np.random.default_rng(0)
X = [RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(12)]
Y = np.array(["a", "b"] * 6)


def write(path, seed=0):
    torch.manual_seed(seed)
    torch.save(models.squeezenet1_1(weights=None).state_dict(), path)
    return path


@pytest.fixture
def there(tmp_path, monkeypatch):
    """The folder of a training, with weights in it, beside that of a server."""
    monkeypatch.chdir(tmp_path)
    for name in ("training", "server"):
        (tmp_path / name).mkdir()
    return write(tmp_path / "training" / "net.pth")


def embedder(weights, **options):
    return CNNFeatureTransformer("squeezenet1_1", weights=weights, image_size=32, **options)


def classifier(weights):
    return make_pipeline(embedder(weights), LogisticRegression())


KINDS = {
    "pipeline": lambda file: classifier(file),
    "path object": lambda file: classifier(file.relative_to(file.parent.parent)),
    "fine-tuned": lambda file: CNNFineTuneClassifier(
        "squeezenet1_1", weights=str(file), image_size=32, epochs=1, augmentation="none", early_stopping=False
    ),
    "search": lambda file: GridSearchCV(classifier(file), {"logisticregression__C": [0.1, 1.0]}, cv=2),
    "union": lambda file: make_pipeline(
        FeatureUnion([(how, embedder(file, pooling=how)) for how in ("avg", "max")]), LogisticRegression()
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_moved_are_found_beside_the_model_or_where_they_are_said_to_be(kind, there):
    model = KINDS[kind](there).fit(X, Y)
    save_model(model, "server/m.skops")
    expected = model.predict_proba(X)
    shutil.move(there, "elsewhere.pth")
    with pytest.raises(WeightsError) as caught:
        load_model("server/m.skops")
    assert "net.pth that server/m.skops was fitted with" in caught.value.message
    assert str(there) in caught.value.message
    assert os.path.abspath("server/net.pth") in caught.value.message
    assert "weights=FILE" in caught.value.next_step
    assert "--weights FILE" in caught.value.next_step
    np.testing.assert_array_equal(load_model("server/m.skops", weights="elsewhere.pth").predict_proba(X), expected)
    shutil.move("elsewhere.pth", "server/net.pth")
    np.testing.assert_array_equal(load_model("server/m.skops").predict_proba(X), expected)


def test_other_weights_are_refused_wherever_they_lie(there):
    save_model(classifier(there).fit(X, Y), "server/m.skops")
    other = write("other.pth", seed=1)
    with pytest.raises(
        ModelFileError, match=r"other\.pth does not hold the weights.*squeezenet1_1 with weights='net.pth' needs"
    ):
        load_model("server/m.skops", weights=other)
    with pytest.raises(WeightsError, match=r"cannot read the weights missing\.pth"):
        load_model("server/m.skops", weights="missing.pth")
    # A file of the right name with other weights is passed over for the right one beside the model.
    shutil.move(there, "server/net.pth")
    write(there, seed=1)
    assert load_model("server/m.skops")[0].weights == os.path.abspath("server/net.pth")
    write("server/net.pth", seed=2)
    with pytest.raises(ModelFileError, match=r"other weights of squeezenet1_1 than are here.*then.*now in .*now in"):
        load_model("server/m.skops")


def test_each_network_of_several_takes_its_own_file(there):
    second = write("training/second.pth", seed=1)
    union = FeatureUnion([("one", embedder(there)), ("two", embedder(second))])
    model = make_pipeline(union, LogisticRegression()).fit(X, Y)
    save_model(model, "m.skops")
    expected = model.predict_proba(X)
    shutil.move(there, "x.pth")
    shutil.move(second, "y.pth")
    for files in (["x.pth", "y.pth"], ["y.pth", "x.pth"]):
        np.testing.assert_array_equal(load_model("m.skops", weights=files).predict_proba(X), expected)
    with pytest.raises(WeightsError, match=r"second\.pth"):
        load_model("m.skops", weights="x.pth")


def test_weights_given_to_a_model_that_needs_none_are_refused(there, tiny):
    save_model(make_pipeline(CNNFeatureTransformer(**tiny), LogisticRegression()).fit(X, Y), "random.skops")
    with pytest.raises(ModelFileError, match=r"does not hold the weights.*squeezenet1_1 with weights=None"):
        load_model("random.skops", weights=there)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    save_model(make_pipeline(CNNFeatureTransformer(net, image_size=32), LogisticRegression()).fit(X, Y), "own.skops")
    with pytest.raises(ModelFileError, match="the network is a module that brings its own"):
        load_model("own.skops", backbone=net, weights=there)


def test_a_published_name_that_was_lost_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(models.mobilenet_v2(weights=None).state_dict(), "mobilenet_v2-7ebf99e0.pth")
    network = CNNFeatureTransformer("mobilenet_v2", weights="mobilenet_v2-7ebf99e0.pth")
    save_model(make_pipeline(network, LogisticRegression()).fit(X[:4], Y[:4]), "m.skops")
    os.rename("mobilenet_v2-7ebf99e0.pth", "net.pth")
    with pytest.raises(ModelFileError, match=r"preprocessing was.*Give the file of weights the name that it had"):
        load_model("m.skops", weights="net.pth")


def test_a_path_of_another_system_is_looked_for_beside_the_model(there):
    save_model(classifier(there).fit(X, Y), "server/m.skops")
    content = skops.io.load("server/m.skops", trusted=trusted_types())
    content["model"][0].weights = "C:\\training\\net.pth"
    skops.io.dump(content, "server/m.skops")
    shutil.move(there, "server/net.pth")
    assert set(load_model("server/m.skops").predict(X)) <= {"a", "b"}


def test_the_command_takes_weights_that_moved(there):
    save_model(classifier(there).fit(X, Y), "server/m.skops")
    Image.fromarray(X[0]).save("a.png")
    shutil.move(there, "elsewhere.pth")
    run = CliRunner().invoke(main, ["predict", "server/m.skops", "a.png"])
    assert run.exit_code == 2
    assert "--weights FILE" in run.output
    run = CliRunner().invoke(main, ["predict", "server/m.skops", "a.png", "--weights", "elsewhere.pth"])
    assert run.exit_code == 0, run.output
    assert "a.png" in run.output
    write("other.pth", seed=1)
    run = CliRunner().invoke(main, ["predict", "server/m.skops", "a.png", "--weights", "other.pth"])
    assert run.exit_code == 2
    assert "does not hold the weights" in run.output


def test_a_file_with_the_name_of_published_weights_is_not_taken_for_them(there):
    write("IMAGENET1K_V1")
    write("DEFAULT")
    model = make_pipeline(CNNFeatureTransformer(weights="DEFAULT", image_size=32), LogisticRegression()).fit(X, Y)
    save_model(model, "server/m.skops")
    assert load_model("server/m.skops")[0].weights == "DEFAULT"


@pytest.fixture
def own_weights(tmp_path, images, path):
    """A weights file, beside the model that was saved with it."""
    from torchvision.models import squeezenet1_1

    file = tmp_path / "own.pth"

    def write(seed):
        torch.manual_seed(seed)
        torch.save(squeezenet1_1(weights=None).state_dict(), file)

    write(0)
    transformer = CNNFeatureTransformer("squeezenet1_1", weights=os.path.relpath(file), image_size=32)
    save_model(make_pipeline(transformer, LogisticRegression()).fit(images, LABELS), path)
    return file, write


def test_weights_of_a_relative_path_are_found_from_elsewhere(own_weights, path, images, monkeypatch):
    monkeypatch.chdir("/")
    assert set(load_model(path).predict(images)) <= {"cat", "dog"}


def test_weights_that_changed_are_refused_with_the_reason(own_weights, path):
    own_weights[1](1)
    message = refusal(path)
    assert "other weights of squeezenet1_1" in message
    assert "then" in message
    assert "now" in message


def test_weights_that_are_gone_are_named(own_weights, path):
    own_weights[0].unlink()
    assert str(own_weights[0]) in refusal(path, error=WeightsError)
