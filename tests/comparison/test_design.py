"""Promised: the design of a comparison says in words how its rows were drawn."""

from comparisons import images_of
from featx.comparison.design import design_comparison


def test_the_protocol_says_how_rows_were_drawn():
    text = design_comparison(images_of([20, 20]), repeats=2).protocol(10)
    assert text.startswith(
        "2 random splits with 10 test images each, stratified by class; the test images are the same"
    )
