"""Promised: the predictions of all strategies at all sizes are columns of one table."""

from comparisons import Network
from featx import compare_strategies
from featx.comparison.prediction_columns import prediction_columns


def test_every_strategy_and_size_has_its_rows(dataset):
    strategies = {"sure": Network(), "noisy": Network(0.3)}
    result = compare_strategies(dataset, strategies, repeats=2, train_sizes=[0.3, 0.6])
    columns = result.predictions()
    assert list(columns)[:4] == ["strategy", "images", "row", "path"]
    assert {len(column) for column in columns.values()} == {2 * 2 * 2 * 20}
    for size in result.sizes:
        for found in size.strategies:
            places = (columns["strategy"] == found.strategy) & (columns["images"] == size.n_train)
            right = (columns["label"] == columns["predicted"])[places]
            assert right.tolist() == (found.predictions["label"] == found.predictions["predicted"]).tolist()


def test_results_without_predictions_have_no_columns():
    assert prediction_columns([]) == {}
