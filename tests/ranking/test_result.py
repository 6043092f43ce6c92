"""Promised: a result knows its recommended candidate, prints as two lines, and is plain JSON."""

import json
import pickle

from featx.ranking.resolution import Resolution
from rankings import candidate, ranking


def test_the_recommended_one_and_those_that_cannot_be_told_from_the_best():
    result = ranking()
    assert result.recommended.backbone == "efficientnet_lite0"
    assert [one.backbone for one in result.undistinguished] == ["efficientnet_lite2", "efficientnet_lite0"]
    assert result.share_of_full == (250 + 96) / 3000
    assert result.within_a_point == result.undistinguished
    assert len(ranking([candidate("a", 0.9, 1.0), candidate("b", 0.88, 1.0)]).within_a_point) == 1


def test_it_is_plain_json():
    found = json.loads(ranking().to_json())
    assert found["candidates"][0]["accuracy"] == {**vars(ranking().candidates[0].accuracy)}
    assert found["candidates"][1]["knn_accuracy"]["low"] is None
    assert found["share_of_full"] == 346 / 3000
    assert found["warnings"] == []
    assert found["resolution"] is None is found["images_for_a_point"]
    found = ranking(warnings=["chance"], resolution=Resolution(100, 0.08, 4.0, 1.0)).to_dict()
    assert found["warnings"] == ["chance"]
    assert found["resolution"]["difference"] == 0.08
    assert found["images_for_a_point"] == 6400


def test_it_prints_as_two_lines_and_is_shown_as_tables():
    result = ranking()
    assert repr(result).splitlines() == [
        "RankingResult: 3 candidates on 100 of 1,000 images",
        "use efficientnet_lite0, stage6, avgmax: accuracy 89.5 % (84.5-94.5), 20.0 s for 1,000 images",
    ]
    assert "<table" in result._repr_html_()
    assert repr(pickle.loads(pickle.dumps(result)).candidates) == repr(result.candidates)
    assert type(result).__module__ == "featx"
