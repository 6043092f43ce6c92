"""Promised: the front holds what nothing cheaper beats on the same images; the cheapest within the margin is chosen."""

from featx.ranking.choice import choose_cheapest, front_of


def test_the_front_has_what_nothing_beats_at_no_more_cost():
    assert front_of([[0.9], [0.8], [0.7], [0.85]], [3.0, 1.0, 2.0, 3.0]) == [True, True, False, False]
    assert front_of([[0.9], [0.9]], [1.0, 1.0]) == [True, True]
    assert front_of([[0.9], [0.9]], [1.0, 2.0]) == [True, False]


def test_candidates_are_compared_on_the_images_that_both_saw():
    # The second was eliminated early, when it was ahead of the third; the first was ahead of both.
    assert front_of([[0.6, 0.9], [0.5], [0.4, 0.8]], [2.0, 1.0, 1.0]) == [True, True, False]


def test_the_cheapest_within_the_margin_is_chosen():
    accuracies, seconds = [0.9, 0.895, 0.88], [10.0, 5.0, 1.0]
    assert choose_cheapest(accuracies, seconds, margin=0.01) == 1
    assert choose_cheapest(accuracies, seconds, margin=0.0) == 0
    assert choose_cheapest(accuracies, seconds, margin=1.0) == 2


def test_of_about_equal_costs_the_most_accurate_is_chosen():
    assert choose_cheapest([0.90, 0.91], [1.0, 1.04], margin=0.02) == 1
    assert choose_cheapest([0.90, 0.91], [1.0, 1.06], margin=0.02) == 0
