"""Promised: folders with the same folders inside are refused, unless those have names of pieces."""

import pytest

from dataset_files import refused, write_files
from featx.datasets.load import load_dataset


@pytest.mark.parametrize(
    "names",
    [
        # Days, runs and kinds of files in each class; one name that all share; own images; few among many.
        ["cat/2023-01/1.png", "cat/2023-02/1.png", "dog/2023-01/1.png", "dog/2023-02/1.png"],
        ["cat/patient_1/1.png", "cat/patient_2/1.png", "dog/patient_1/1.png", "dog/patient_2/1.png"],
        ["cat/images/1.png", "cat/masks/1.png", "dog/images/1.png", "dog/masks/1.png"],
        ["cat/images/1.png", "dog/images/1.png"],
        ["cat/good/1.png", "cat/bent/1.png", "dog/good/1.png", "dog/torn/1.png"],
        ["cat/1.png", "cat/a/1.png", "cat/b/1.png", "dog/a/1.png", "dog/b/1.png"],
        ["cat/a/1.png", "cat/b/1.png", "dog/a/1.png", "dog/b/1.png", "emu/1.png", "fox/1.png"],
    ],
)
def test_pieces_of_classes_are_no_doubt(tmp_path, names):
    dataset = load_dataset(write_files(tmp_path, *names))
    assert dataset.labels.tolist() == [name.split("/")[0] for name in names]


@pytest.mark.parametrize(
    "names",
    [
        ["tr/0/1.png", "tr/1/1.png", "te/0/1.png", "te/1/1.png"],
        ["entrenamiento/a/1.png", "entrenamiento/b/1.png", "prueba/b/1.png"],
        ["cat/day/1.png", "cat/night/1.png", "dog/day/1.png", "dog/night/1.png", "dog/dusk/1.png", "emu/1.png"],
        ["amazon/images/a/1.png", "amazon/images/b/1.png", "dslr/images/a/1.png", "dslr/images/b/1.png"],
        [
            "A/a/1.png",
            "A/x/1.png",
            "B/b/1.png",
            "B/a/1.png",
            "B/y/1.png",
            "C/a/1.png",
            "C/b/1.png",
            "D/a/1.png",
            "D/b/1.png",
        ],
        ["A/a/1.png", "A/b/1.png", "B/a/1.heic", "B/b/1.heic", "C/a/1.png", "C/b/1.png"],
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, names):
    assert "it cannot be told which of them are the classes" in str(refused(write_files(tmp_path, *names)))
