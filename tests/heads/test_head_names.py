"""Promised: what is said of the heads is true of their classifiers, and a name that is not one of them is refused."""

import numpy as np
import pytest

from featx import HEADS, ParameterError, make_head
from featx.heads.head_names import HEADS_WITH_CLASS_WEIGHTS, LINEAR_HEADS, check_head, check_heads
from featx.heads.heads import head_spec


def refusal(*args, **options):
    with pytest.raises(ParameterError) as caught:
        check_head(*args, **options)
    return str(caught.value)


def test_every_head_is_described_where_it_is_made():
    described = make_head.__doc__.partition("name : {")[2].partition("}")[0]
    assert described == ", ".join(f'"{name}"' for name in HEADS)


@pytest.mark.parametrize(
    ("name", "hint"), [("logistics", "logistic"), ("linear-svm", "linear_svm"), ("KNN", "knn"), ("", "ridge")]
)
def test_an_unknown_head_is_named_with_those_that_exist(name, hint):
    message = refusal(name)
    assert f"no head {name!r}" in message
    assert hint in message


@pytest.mark.parametrize("name", sorted(set(HEADS) - set(HEADS_WITH_CLASS_WEIGHTS)))
def test_heads_without_class_weights_say_so_and_name_those_with(name):
    message = refusal(name, class_weight="balanced")
    assert f"the head {name} takes no class weights" in message
    assert all(able in message for able in HEADS_WITH_CLASS_WEIGHTS)


def test_a_list_of_heads_in_one_text_is_answered_with_how_to_name_each():
    assert refusal("svm, knn").endswith("Name each separately: --head svm --head knn, in Python ['svm', 'knn'].")
    assert all(f"--head {name}" in refusal("all") for name in HEADS)


def test_a_grid_belongs_to_a_head_that_is_named():
    check_heads(["svm", "knn"], ["knn"])
    with pytest.raises(ParameterError, match="got a grid for ridge, which is not among the heads"):
        check_heads(["svm"], ["ridge"])
    with pytest.raises(ParameterError, match="got no heads"):
        check_heads([])


@pytest.mark.parametrize("name", HEADS)
def test_the_heads_with_class_weights_are_those_whose_classifier_takes_them(name):
    assert (name in HEADS_WITH_CLASS_WEIGHTS) is ("class_weight" in head_spec(name).estimator[-1].get_params())


@pytest.mark.parametrize("name", HEADS)
def test_the_linear_heads_are_those_whose_classifier_has_coefficients(name):
    rows, labels = np.random.default_rng(0).normal(size=(30, 4)), np.repeat([0, 1, 2], 10)
    classifier = head_spec(name).estimator.fit(rows, labels)[-1]
    assert (name in LINEAR_HEADS) is hasattr(classifier, "coef_")
