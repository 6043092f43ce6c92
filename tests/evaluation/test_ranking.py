"""Promised: ROC AUC and average precision are scikit-learn's, and their intervals hold what they should."""

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.metrics import average_precision_score, roc_auc_score

from featx.evaluation.metrics import interval_notes, score_predictions
from featx.evaluation.ranking import average_precision_interval, mean_ranking, roc_auc_interval, score_ranking


def scores(n, *, distance=1.5, share=0.4, seed=0):
    rng = np.random.default_rng(seed)
    own = np.arange(n) < share * n
    return own, rng.normal(size=n) + distance * own


@pytest.mark.parametrize("digits", [8, 0])
def test_the_values_are_scikit_learns_with_ties_too(digits):
    own, found = scores(200)
    found = found.round(digits)
    result = score_ranking(own, found)
    assert result["roc_auc"].value == pytest.approx(roc_auc_score(own, found))
    assert result["average_precision"].value == pytest.approx(average_precision_score(own, found))
    for estimate in result.values():
        assert 0 <= estimate.low < estimate.value < estimate.high <= 1


def test_the_influence_of_an_image_is_that_of_leaving_it_out():
    own, found = scores(60)
    known = [("roc_auc", roc_auc_score, roc_auc_interval)]
    known.append(("average_precision", average_precision_score, average_precision_interval))
    for name, figure, interval in known:
        value = score_ranking(own, found)[name].value
        left = np.array([figure(np.delete(own, i), np.delete(found, i)) for i in range(60)])
        jackknife = np.sqrt(59 / 60 * ((left - left.mean()) ** 2).sum())
        low, high = interval(own, found)
        # On the logit scale, with Student's quantile for 23 degrees of freedom.
        half = 2.0687 * jackknife / (value * (1 - value))
        logit = np.log(value / (1 - value))
        assert low == pytest.approx(1 / (1 + np.exp(half - logit)), abs=0.02), name
        assert high == pytest.approx(1 / (1 + np.exp(-half - logit)), abs=0.02), name


@pytest.mark.parametrize("interval", [roc_auc_interval, average_precision_interval])
def test_a_perfect_order_of_few_images_proves_little(interval):
    own = np.arange(30) < 10
    low, high = interval(own, own.astype(float))
    assert high == pytest.approx(1, abs=1e-9)
    assert 0.6 < low < 0.95


def test_units_that_agree_count_once():
    own, found = scores(80)
    twice = np.repeat(np.arange(80), 5)
    alone, copied = score_ranking(own, found), score_ranking(own[twice], found[twice], units=twice)
    blind = score_ranking(own[twice], found[twice])
    for name in alone:
        widths = [each[name].high - each[name].low for each in (alone, copied, blind)]
        assert widths[1] == pytest.approx(widths[0], rel=0.1), name
        assert widths[2] < 0.6 * widths[0], name


def test_where_no_interval_holds_there_is_a_reason():
    own, found = scores(40, share=0.2)
    assert "fewer than 10 images" in score_ranking(own, found)["roc_auc"].reason
    own, found = scores(40)
    assert "too few groups" in score_ranking(own, found, units=np.arange(40) // 10)["roc_auc"].reason
    assert "fewer than 3 groups" in score_ranking(own, found, units=np.minimum(np.arange(40) // 8, 5))["roc_auc"].reason
    empty = score_ranking(np.zeros(5, bool), np.arange(5.0))
    assert np.isnan(empty["roc_auc"].value)
    assert empty["roc_auc"].reason == "there are no images of the class"


def test_the_figures_of_two_classes_are_of_the_second_and_of_more_of_the_positive_one():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 90)
    p = rng.dirichlet(np.ones(3), 90)
    assert "roc_auc" not in score_predictions(truth, p)
    found = score_predictions(truth, p, positive=1)
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(truth == 1, p[:, 1]))
    means = score_predictions(truth, p, ranked=True)
    assert means["roc_auc"].value == pytest.approx(roc_auc_score(truth, p, multi_class="ovr"))
    assert means["average_precision"].value == pytest.approx(average_precision_score(truth, p))
    assert "name one class as positive" in interval_notes([means])[-1]
    two = score_predictions(truth % 2, p[:, :2] / p[:, :2].sum(axis=1, keepdims=True))
    p = p[:, 1] / p[:, :2].sum(axis=1)
    assert two["average_precision"].value == pytest.approx(average_precision_score(truth % 2 == 1, p))


def test_classes_that_do_not_occur_are_left_out_of_means():
    truth, p = np.array([0, 0, 1, 1]), np.array([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.2, 0.7, 0.1], [0.1, 0.6, 0.3]])
    assert mean_ranking(truth, p)["roc_auc"].value == pytest.approx(1)


SETTINGS = [
    (2.5, 0.2, 100),
    *(pytest.param(*each, marks=pytest.mark.long) for each in ((1.2, 0.5, 40), (3.5, 0.5, 60))),
]


@pytest.mark.parametrize(("distance", "share", "n"), SETTINGS)
def test_intervals_cover_the_truth(distance, share, n):
    held = {"roc_auc": 0, "average_precision": 0}
    known = score_ranking(*scores(50_000, distance=distance, share=share, seed=9))
    assert known["roc_auc"].value == pytest.approx(ndtr(distance / np.sqrt(2)), abs=0.005)
    intervals = {"roc_auc": roc_auc_interval, "average_precision": average_precision_interval}
    for seed in range(150):
        for name, interval in intervals.items():
            low, high = interval(*scores(n, distance=distance, share=share, seed=seed))
            held[name] += low <= known[name].value <= high
    assert min(held.values()) >= 136  # 0.907 of them


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_groups_that_share_a_shift_widen_the_interval(name):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 20)
    own = (rng.random(20) < 0.5)[groups]
    found = rng.normal(size=400) + 2 * rng.normal(size=20)[groups] + 2 * own
    shared = score_ranking(own, found, units=groups)[name]
    # The same scores, dealt to the groups of each kind at random.
    for kind in (own, ~own):
        found[kind] = rng.permutation(found[kind])
    dealt = score_ranking(own, found, units=groups)[name]
    assert shared.value == pytest.approx(dealt.value)
    assert shared.high - shared.low > dealt.high - dealt.low
