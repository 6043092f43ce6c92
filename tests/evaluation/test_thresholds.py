"""Promised: a threshold is the best one that reaches what is asked, and says where the images are too few for it."""

import numpy as np
import pytest

from featx.evaluation.operating_point import parse_operating_point
from featx.evaluation.thresholds import Decision, choose_threshold, decide


def images(n, *, distance=2.0, share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    own = rng.random(n) < share
    return own, 1 / (1 + np.exp(-rng.normal(size=n) - distance * (own - 0.5)))


def choose(own, scores, text, **more):
    return choose_threshold(own, scores, parse_operating_point(text), name="crack", **more)


def shares(own, flagged):
    return {
        "sensitivity": flagged[own].mean(),
        "specificity": 1 - flagged[~own].mean(),
        "precision": own[flagged].mean() if flagged.any() else np.nan,
    }


@pytest.mark.parametrize("text", ["sensitivity=0.9", "sensitivity=0.5", "specificity=0.9", "precision=0.8", "cost=5:1"])
def test_the_figures_are_those_of_the_threshold(text):
    own, scores = images(400)
    found = choose(own, scores, text)
    for name, value in shares(own, scores >= found.threshold).items():
        assert found.figures[name] == pytest.approx(value), name


@pytest.mark.parametrize(
    ("quantity", "other"),
    [("sensitivity", "specificity"), ("specificity", "sensitivity"), ("precision", "sensitivity")],
)
@pytest.mark.parametrize("seed", range(3))
def test_no_other_threshold_that_reaches_the_share_is_better(quantity, other, seed):
    own, scores = images(150, seed=seed)
    scores = scores.round(2)  # with ties
    found = choose(own, scores, f"{quantity}=0.85")
    # Of the next image, not of these.
    n = own.sum() if quantity == "sensitivity" else (~own).sum()
    least = 0.85 if quantity == "precision" else np.ceil(0.85 * (n + 1)) / n
    each = [shares(own, scores >= level) for level in np.unique(scores)]
    best = max(one[other] for one in each if one[quantity] >= least - 1e-12)
    assert found.figures[quantity] >= least - 1e-12
    assert found.figures[other] == pytest.approx(best)


@pytest.mark.parametrize("costs", [(5, 1), (1, 1), (1, 20)])
def test_no_threshold_is_cheaper(costs):
    own, scores = images(200)
    found = choose(own, scores, f"cost={costs[0]}:{costs[1]}")
    every = [(costs[0] * (own & (scores < level)) + costs[1] * (~own & (scores >= level))).mean()
             for level in [*np.unique(scores), 2]]  # fmt: skip
    assert found.figures["cost"] == pytest.approx(min(every))


def test_of_equally_cheap_thresholds_it_is_the_one_of_calibrated_probabilities():
    own, scores = np.array([False, False, True, True]), np.array([0.1, 0.2, 0.8, 0.9])
    assert 0.2 < choose(own, scores, "cost=1:1").threshold < 0.8
    own = np.array([False, True, False, True])
    # Each of 0.15, 0.5 and 0.85 makes one mistake; 1 / (1 + 9) is nearest to the first, which 9:1 makes the only one.
    assert choose(own, scores, "cost=9:1").threshold == pytest.approx(0.15)


@pytest.mark.parametrize(("quantity", "n"), [("sensitivity", 20), ("sensitivity", 60), ("specificity", 40)])
def test_what_is_asked_is_kept_on_average_over_new_images(quantity, n):
    reached = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        own = np.arange(2 * n) < n
        found = choose(own, rng.random(2 * n), f"{quantity}=0.9")
        flagged = rng.random(500) >= found.threshold
        reached.append(flagged.mean() if quantity == "sensitivity" else 1 - flagged.mean())
    assert 0.9 - 0.008 < np.mean(reached) < 0.9 + 0.05


def test_too_few_images_are_said():
    own, scores = images(40)
    (note,) = choose(own, scores, "sensitivity=0.95").notes
    n = own.sum()
    assert note.startswith(f"{n} images of 'crack' are too few to choose a sensitivity of 95.0 % by")
    assert "19 images are needed" in note
    own, scores = images(150)
    (note,) = choose(own, scores, "sensitivity=0.95").notes
    assert f"{own.sum()} images of 'crack' cannot promise a sensitivity of 95.0 %" in note
    assert "72 images could" in note
    own, scores = images(400)
    assert choose(own, scores, "sensitivity=0.95").notes == []
    (note,) = choose(own, scores, "sensitivity=0.95", units=np.arange(400) // 10).notes
    assert "39 groups of 'crack' cannot promise" in note
    assert "73 groups could" in note


@pytest.mark.parametrize("quantity", ["sensitivity", "specificity", "precision"])
def test_all_is_promised_by_no_number_of_images(quantity):
    own, scores = images(400)
    found = choose(own, scores, f"{quantity}=1")
    assert any(f"no number of images can promise a {quantity} of 100 %" in note for note in found.notes) or (
        quantity == "precision" and "no threshold reaches" in found.notes[0]
    )
    assert found.figures[quantity] == pytest.approx(1) or quantity == "precision"


def test_a_precision_that_no_threshold_reaches_is_said_and_the_highest_kept():
    own, scores = np.array([False, True, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
    found = choose(own, scores, "precision=0.9")
    assert found.figures["precision"] == pytest.approx(2 / 3)
    assert "no threshold reaches a precision of 90.0 %" in found.notes[0]
    assert "66.7 %" in found.notes[0]


def test_thresholds_that_call_all_or_none_are_said():
    own = np.arange(100) < 50
    found = choose(own, np.full(100, 0.3), "sensitivity=0.9")
    assert found.threshold == 0
    assert "every image is called 'crack'" in found.notes[-1]
    found = choose(own, np.full(100, 1.0), "specificity=0.9")
    assert found.threshold > 1
    assert "no image that the threshold was chosen on is called 'crack'" in found.notes[-1]


def test_rounding_changes_no_decision():
    own, scores = images(300)
    found = choose(own, scores.astype(np.float32).astype(float), "sensitivity=0.9")
    assert ((scores.astype(np.float32) >= np.float32(found.threshold)) == (scores >= found.threshold)).all()


def test_below_the_threshold_the_likeliest_other_class_is_decided():
    p = np.array([[0.2, 0.5, 0.3], [0.2, 0.7, 0.1], [0.45, 0.1, 0.45], [0.1, 0.6, 0.3]])
    assert decide(p, 1, 0.6).tolist() == [2, 1, 0, 1]
    assert decide(p, 2, 0.3).tolist() == [2, 1, 2, 2]
    rule = Decision("b", 0.6, "precision=0.9")
    assert rule.numbers(p, ["a", "b", "c"]).tolist() == [2, 1, 0, 1]
    assert rule.text() == "'b' where its probability is at least 0.6 (precision=0.9)"
    assert p[0].tolist() == [0.2, 0.5, 0.3]
