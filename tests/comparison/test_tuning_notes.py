"""Promised: a comparison says which heads chose their parameters on a part of the training images."""

from sklearn.pipeline import make_pipeline

from comparisons import Network
from featx import CNNFeatureTransformer, TunedHead, make_head
from featx.comparison.tuning_notes import tuning_notes_of


def test_a_note_for_each_head_that_is_tuned_on_fewer_images():
    heads = {"some": 40, "enough": 80, "all": None}
    strategies = {
        **{name: make_pipeline(CNNFeatureTransformer(), TunedHead(tuning_images=n)) for name, n in heads.items()},
        "usual": make_pipeline(CNNFeatureTransformer(), make_head("knn")),
        "net": Network(),
    }
    (note,) = tuning_notes_of(strategies, dict.fromkeys(strategies, 80))
    assert "parameters of some" in note
    assert "40 of up to 80" in note
    assert "--set some.tuning_images=None" in note
    (note,) = tuning_notes_of({"usual": strategies["usual"]}, {"usual": 20_001})
    assert "20,000 of up to 20,001" in note
