"""Promised: the usual names of parts of a split are known, of folders and in columns, and other names are not."""

import pytest

from dataset_files import load_table
from featx.datasets.split_names import part_of, part_words, parts_of


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            "training",
            "train Train TRAINING trn train_set training-data TrainImages 1_train 01-train train2017 trainset train_1",
        ),
        ("validation", "val valid Validation dev VAL_SET validate valset"),
        ("test", "test Testing TEST_set eval evaluation final_test Test1 holdout"),
        (None, "trainer trains test-strip tested contest value rain 0 1 station train_cats vault"),
    ],
)
def test_usual_names_of_parts_are_known(part, names):
    assert {part_of(name) for name in names.split()} == {part}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train", "car"], {"train": "training"}),
        (["seg_test", "seg_train", "seg_pred"], {"seg_test": "test", "seg_train": "training"}),
        (["asl_alphabet_train", "asl_alphabet_test"], ["training", "test"]),
        (["train_cats_dogs", "test_cats_dogs"], ["training", "test"]),
        (["my_train_data.v2", "my_val_data.v2"], ["training", "validation"]),
        (["old_train", "new_train"], {}),
        (["attest", "contest"], {}),
        (["a_b", "a_c"], {}),
    ],
)
def test_what_names_have_in_common_does_not_count(names, parts):
    assert parts_of(names) == (parts if isinstance(parts, dict) else dict(zip(names, parts, strict=True)))


def test_words_of_names_are_told_apart():
    assert part_words("trainA") == {"training"}
    assert part_words("cats_test") == {"test"}
    assert part_words("strain") == set()


@pytest.mark.parametrize(
    ("column", "values", "split"),
    [
        ("split", "train VAL Test", "training validation test"),
        ("Split", "training valid testing", "training validation test"),
        ("split", "TRAIN validate eval", "training validation test"),
        ("subset", "train dev test", "training validation test"),
        ("is_valid", "False True 0", "training validation training"),
        ("is_test", "0 1 0", "training test training"),
    ],
)
def test_a_column_gives_the_split(folder, column, values, split):
    rows = [f"{name}.png,x,{value}\n" for name, value in zip("abc", values.split(), strict=True)]
    assert load_table(folder, f"path,label,{column}\n{''.join(rows)}").split.tolist() == split.split()


def test_a_column_of_another_meaning_is_no_split(folder):
    dataset = load_table(folder, "path,label,set\na.png,x,A\nb.png,y,B\n")
    assert (dataset.split, dataset.notes) == (None, [])
