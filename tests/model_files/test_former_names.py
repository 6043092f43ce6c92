"""Promised: names of parameters of earlier versions are translated wherever a model holds them, and nothing else is."""

import json
import zipfile

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, TunedHead, load_model, save_model
from featx.model_files.former_names import use_current_parameters
from featx.model_files.model_schema import entries

POINT = ("positive", "operating_point")

FEATURES = Pipeline([("f", CNNFeatureTransformer()), ("h", DecisionTreeClassifier())])
UNION = Pipeline([("u", FeatureUnion([("a", CNNFeatureTransformer())])), ("h", DecisionTreeClassifier())])
TUNED = Pipeline([("c", CNNFineTuneClassifier())])


def masked(*values):
    return np.ma.MaskedArray(values, mask=[False] * len(values))


@pytest.mark.parametrize(
    ("search", "today"),
    [
        (GridSearchCV(TUNED, {"c__augment_views": [1, 2]}), {"c__augment_draws": [1, 2]}),
        (GridSearchCV(TUNED, [{"c__test_views": [1]}, {}]), [{"c__test_draws": [1]}, {}]),
        (GridSearchCV(FEATURES, {"f__on_error": ["raise", "nan"]}), {"f__on_error": ["raise", "skip"]}),
        (GridSearchCV(FEATURES, {"f__on_error": ("nan",), "h__max_depth": [1]}),
         {"f__on_error": ("skip",), "h__max_depth": [1]}),
        (RandomizedSearchCV(FEATURES, {"f__on_error": ["nan"]}), {"f__on_error": ["skip"]}),
        (GridSearchCV(UNION, {"u__a__on_error": ["nan"]}), {"u__a__on_error": ["skip"]}),
    ],
    ids=["grid", "list of grids", "value", "tuple", "random", "union"],
)  # fmt: skip
@pytest.mark.parametrize("around", [lambda search: search, CalibratedClassifierCV], ids=["alone", "calibrated"])
def test_what_a_search_varies_has_the_names_of_today(search, today, around):
    search = clone(search)
    use_current_parameters({"model": around(search)})
    found = search.param_grid if isinstance(search, GridSearchCV) else search.param_distributions
    assert found == today
    grids = found if isinstance(found, list) else [found]
    assert all(name in search.estimator.get_params() for grid in grids for name in grid)


def test_what_a_search_found_has_the_names_of_today_in_the_same_order():
    search = clone(GridSearchCV(FEATURES, {"f__on_error": np.array(["nan", "raise"])}))
    search.best_params_ = {"f__on_error": "nan"}
    columns = {"mean_fit_time": 1, "param_f__on_error": masked("nan", "raise"), "params": [{"f__on_error": "nan"}]}
    search.cv_results_ = columns
    use_current_parameters(search)
    assert search.param_grid["f__on_error"].tolist() == ["skip", "raise"]
    assert search.best_params_ == {"f__on_error": "skip"}
    assert list(search.cv_results_) == ["mean_fit_time", "param_f__on_error", "params"]
    assert search.cv_results_["param_f__on_error"].tolist() == ["skip", "raise"]
    assert search.cv_results_["params"] == [{"f__on_error": "skip"}]
    model = clone(GridSearchCV(TUNED, {}))
    model.cv_results_ = {"param_c__augment_views": masked(1, 2), "rank_test_score": 1}
    use_current_parameters(model)
    assert list(model.cv_results_) == ["param_c__augment_draws", "rank_test_score"]


def test_estimators_that_are_values_of_a_grid_are_translated():
    former = CNNFeatureTransformer(on_error="nan")
    search = GridSearchCV(Pipeline([("f", CNNFeatureTransformer())]), {"f": [former]})
    use_current_parameters(search)
    assert former.on_error == "skip"


def test_the_same_words_of_other_estimators_are_kept():
    other = FunctionTransformer(kw_args={"augment_views": 1, "on_error": "nan"})
    search = GridSearchCV(Pipeline([("o", other), ("f", CNNFeatureTransformer())]), {"o__on_error": ["nan"]})
    search.best_params_ = {"o__kw_args": {"on_error": "nan"}}
    use_current_parameters(search)
    assert other.kw_args == {"augment_views": 1, "on_error": "nan"}
    assert search.param_grid == {"o__on_error": ["nan"]}


def test_parameters_that_are_gone_are_left_out_and_no_boundary_is_cached_where_none_was():
    model = CNNFineTuneClassifier()
    vars(model).update(boundary_cache=False, boundary_dtype="bfloat16")
    use_current_parameters(model)
    assert vars(model) == vars(CNNFineTuneClassifier(boundary_cache_bytes=0))
    search = GridSearchCV(TUNED, {"c__boundary_dtype": ["float16"], "c__epochs": [1]})
    use_current_parameters(search)
    assert search.param_grid == {"c__epochs": [1]}
    vars(model := CNNFineTuneClassifier()).update(boundary_cache=0)  # as good as False
    use_current_parameters(model)
    assert model.boundary_cache_bytes == 0
    search = GridSearchCV(TUNED, [{"c__boundary_cache": [True, False]}, {"c__boundary_cache": [False]}])
    use_current_parameters(search)
    most = CNNFineTuneClassifier().boundary_cache_bytes
    assert search.param_grid == [{"c__boundary_cache_bytes": [most, 0]}, {"c__boundary_cache_bytes": [0]}]


def test_a_head_of_before_there_were_operating_points_is_read_and_fitted_again(tmp_path, tiny):
    y = np.arange(20) % 2
    images = list(
        np.random.default_rng(0).integers(0, 200, (20, 16, 16, 3)).astype(np.uint8)
        + 50 * y.astype(np.uint8)[:, None, None, None]
    )
    model = make_pipeline(CNNFeatureTransformer(**tiny), TunedHead(grid={"C": [0.01]})).fit(images, y)
    save_model(model, tmp_path / "now.skops")
    with zipfile.ZipFile(tmp_path / "now.skops") as now, zipfile.ZipFile(tmp_path / "then.skops", "w") as then:
        for name in now.namelist():
            data = now.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                removed = [entry.pop(key) for entry in entries(schema) for key in POINT if key in entry]
                assert len(removed) == 2
                data = json.dumps(schema).encode()
            then.writestr(name, data)
    found = load_model(tmp_path / "then.skops")
    assert (found[-1].positive, found[-1].operating_point) == (None, None)
    assert np.array_equal(found.predict(images), model.predict(images))
    clone(found).fit(images, y)
