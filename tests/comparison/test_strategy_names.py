"""Promised: the name of a strategy says its method, head and layer, and anything else is refused."""

import pytest

from featx import ParameterError
from featx.comparison.strategy_names import TRAINED_STRATEGIES, StrategyName, parse_named_strategy, parse_strategy


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("frozen", StrategyName("frozen", "logistic")),
        ("frozen:svm@stage6", StrategyName("frozen", "svm", "stage6")),
        ("frozen@a:b", StrategyName("frozen", "logistic", "a:b")),
        ("finetuned@layer3", StrategyName("finetuned", layer="layer3")),
        ("scratch", StrategyName("scratch")),
    ],
    ids=["short", "long", "colon", "finetuned", "scratch"],
)
def test_a_name_says_method_head_and_layer(name, found):
    assert parse_strategy(name) == found
    assert found.method in ("frozen", *TRAINED_STRATEGIES)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("frozen:tree", "no head 'tree'"),
        ("frozen:", "no strategy 'frozen:'"),
        ("frozen@", "no strategy 'frozen@'"),
        ("finetuned:svm", "no strategy 'finetuned:svm'"),
        ("scratch@", "no strategy 'scratch@'"),
        ("other", "no strategy 'other'"),
    ],
)
def test_other_names_are_refused(name, words):
    with pytest.raises(ParameterError, match=words):
        parse_strategy(name)


def test_a_strategy_may_have_a_name_of_its_own_that_is_not_blank():
    assert parse_named_strategy("a.b c=frozen:svm") == ("a.b c", "frozen:svm")
    for text in ("=scratch", " =scratch", "a="):
        with pytest.raises(ParameterError, match="expected NAME=STRATEGY"):
            parse_named_strategy(text)
