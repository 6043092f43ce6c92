"""make_head is a TunedHead with its parameters, refused at once where they cannot be used."""

import pytest

from featx import ParameterError, TunedHead, make_head


def test_make_head_is_a_tuned_head_with_the_same_parameters():
    given = {"grid": {"C": [0.1]}, "class_weight": "balanced", "scoring": "f1_macro", "random_state": 3, "n_jobs": 2}
    given |= {"positive": 1, "operating_point": "cost=5:1"}
    made = make_head("logistic", **given)
    assert type(made) is TunedHead
    assert made.get_params(deep=False) == TunedHead("logistic", **given).get_params(deep=False)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("logistics", {}, "logistic"),
        ("logistic", {"grid": {"c": [1.0]}}, "no parameter 'c'"),
        ("logistic", {"operating_point": "sensitivity=0.9"}, "positive"),
        ("knn", {"class_weight": "balanced"}, "class weights"),
    ],
)
def test_what_cannot_be_used_is_refused_before_it_is_fitted(name, given, message):
    with pytest.raises(ParameterError, match=message):
        make_head(name, **given)
