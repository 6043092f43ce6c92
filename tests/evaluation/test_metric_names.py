"""Every metric that is printed has a name."""

from featx.evaluation.metric_names import METRIC_NAMES, METRICS, RANKING_METRICS


def test_every_metric_but_the_simulated_one_has_a_name_of_its_own():
    assert set(METRICS) | set(RANKING_METRICS) == set(METRIC_NAMES) | {"calibration_error_if_calibrated"}
    assert len(set(METRIC_NAMES.values())) == len(METRIC_NAMES)
