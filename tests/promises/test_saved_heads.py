"""Promised: what is saved can be loaded and predicts the same, or is refused at saving with the name of the step."""

import inspect
import warnings

import numpy as np
import pytest
import skops.io
from processes import python
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, FeatureAgglomeration, KMeans
from sklearn.decomposition import PCA, KernelPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomTreesEmbedding,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import RFECV, SelectFromModel, SelectKBest, mutual_info_classif
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import Matern, WhiteKernel
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    StratifiedKFold,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsTransformer,
    NeighborhoodComponentsAnalysis,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import SparseRandomProjection
from sklearn.svm import SVC, LinearSVC, OneClassSVM
from sklearn.utils import all_estimators

from featx import CNNFeatureTransformer, load_model, save_model
from featx.exceptions import ModelFileError, ParameterError
from featx.model_files.trusted_types import trusted_types

RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(60, 8))).astype(np.float32)
Y = np.repeat(["a", "b", "c"], 20)
LINEAR = LogisticRegression(max_iter=500)


@pytest.fixture
def embedder(tiny):
    """A fitted transformer, whose network is not needed here."""
    return CNNFeatureTransformer(**tiny, precision="float32").fit(np.zeros((2, 8, 8)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


def back(steps, embedder, path):
    """Return the steps behind the transformer as they come back from a file."""
    model = Pipeline([("features", embedder), *([("rest", steps)] if not isinstance(steps, list) else steps)])
    save_model(model, path)
    return load_model(path)[1:]


def made(kind):
    """Return a classifier with the parameters that it cannot do without and few trees, and labels for it."""
    parameters = inspect.signature(kind).parameters
    needed = {"estimator": LINEAR, "estimators": [("one", LINEAR), ("two", LogisticRegression(C=0.1))]}
    few = {"max_iter" if kind.__name__.startswith("Hist") else "n_estimators": 3}
    chosen = {name: value for name, value in (needed | few).items() if name in parameters}
    if "estimator" in chosen and kind.__name__.startswith(("AdaBoost", "Bagging", "Calibrated")):
        del chosen["estimator"]
    labels = {
        "FixedThresholdClassifier": Y == "a",
        "TunedThresholdClassifierCV": Y == "a",
        "SelfTrainingClassifier": np.where(np.arange(60) % 5, np.arange(60) // 20, -1),
        "ClassifierChain": np.stack([Y == "a", Y == "b"], 1).astype(int),
        "MultiOutputClassifier": np.stack([Y == "a", Y == "b"], 1).astype(int),
    }
    return kind(**chosen), labels.get(kind.__name__, Y)


@pytest.mark.parametrize("name", [name for name, _ in all_estimators(type_filter="classifier")])
def test_every_classifier_of_scikit_learn_comes_back(name, embedder, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classifiers that are deprecated, or do not converge by default
        model, labels = made(dict(all_estimators(type_filter="classifier"))[name])
        model.fit(X, labels)
        found, expected = back(model, embedder, path).predict(X), model.predict(X)
    np.testing.assert_array_equal(found, expected)


SCORER = make_scorer(f1_score, average="macro")
GRID = {"C": [0.1, 1.0]}
MODELS = {
    "neighbours behind PCA": make_pipeline(PCA(3), KNeighborsClassifier()),
    "ball tree": KNeighborsClassifier(algorithm="ball_tree", metric="minkowski", p=3, metric_params={"w": np.ones(8)}),
    "mahalanobis": KNeighborsClassifier(algorithm="ball_tree", metric="mahalanobis", metric_params={"VI": np.eye(8)}),
    "neighbours in a graph": make_pipeline(
        KNeighborsTransformer(n_neighbors=9), KNeighborsClassifier(3, metric="precomputed")
    ),
    "voting": VotingClassifier([("f", RandomForestClassifier(3)), ("k", KNeighborsClassifier())], voting="soft"),
    "stacking": StackingClassifier([("f", ExtraTreesClassifier(3)), ("k", LINEAR)], HistGradientBoostingClassifier()),
    "bagged pipelines": BaggingClassifier(make_pipeline(PCA(2), KNeighborsClassifier()), 3, max_features=0.5),
    "boosting from a model": GradientBoostingClassifier(n_estimators=3, init=LINEAR),
    "boosted forests": AdaBoostClassifier(RandomForestClassifier(2), n_estimators=2),
    "isotonic": CalibratedClassifierCV(LinearSVC(), method="isotonic"),
    "calibrated frozen": CalibratedClassifierCV(FrozenEstimator(LinearSVC().fit(X, Y)), method="sigmoid"),
    "kernels": GaussianProcessClassifier(1.0 * Matern() + WhiteKernel(), optimizer=None),
    "one against the rest": OneVsRestClassifier(RandomForestClassifier(3)),
    "grid": GridSearchCV(LINEAR, GRID, cv=StratifiedKFold(3), scoring=SCORER),
    "grid of repeats": GridSearchCV(LINEAR, GRID, cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2)),
    "grid of figures": GridSearchCV(LINEAR, GRID, scoring=["accuracy", "f1_macro"], refit="accuracy"),
    "grid of steps": GridSearchCV(Pipeline([("c", LINEAR)]), {"c": [LINEAR, RandomForestClassifier(3)]}, cv=2),
    "random search": RandomizedSearchCV(LINEAR, GRID, n_iter=2, random_state=np.random.RandomState(0)),
    "halving": HalvingGridSearchCV(LINEAR, GRID),
    "union": make_pipeline(FeatureUnion([("a", PCA(2)), ("b", StandardScaler())]), LINEAR),
    **{
        f"behind {type(step).__name__}": make_pipeline(step, LogisticRegression(max_iter=500))
        for step in (
            FeatureAgglomeration(2),
            FunctionTransformer(np.log1p),
            IterativeImputer(),
            KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"),
            KMeans(3),
            KNNImputer(),
            KernelPCA(2, kernel="rbf"),
            LinearDiscriminantAnalysis(),
            NeighborhoodComponentsAnalysis(2, max_iter=3, tol=10),
            Nystroem(n_components=5),
            PolynomialFeatures(2),
            PowerTransformer(),
            QuantileTransformer(n_quantiles=10),
            RFECV(RandomForestClassifier(3), cv=2),
            RandomTreesEmbedding(3),
            SelectFromModel(ExtraTreesClassifier(3)),
            SelectKBest(mutual_info_classif, k=3),
            SimpleImputer(),
            SparseRandomProjection(4, density=0.5, random_state=0),
            TargetEncoder(),
        )
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_compositions_come_back(name, embedder, path):
    model = MODELS[name].fit(X, Y)
    np.testing.assert_array_equal(back(model, embedder, path).predict(X), model.predict(X))


@pytest.mark.parametrize("model", [Ridge(), KNeighborsRegressor(), OneClassSVM(), IsolationForest(n_estimators=3)])
def test_what_is_no_classifier_comes_back_too(model, embedder, path):
    model.fit(X, X[:, 0])
    np.testing.assert_array_equal(back(model, embedder, path).predict(X), model.predict(X))


def double(values):
    return 2 * values


REFUSED = {
    "an unsupported type": (Birch(), "Birch.*skops cannot write it", "Choose another step"),
    "a compiled function": (SplineTransformer(), "BSpline", "trusted="),
    "a function": (FunctionTransformer(double), r"test_saved_heads\.double", "trusted="),
    "a lambda": (FunctionTransformer(lambda values: values), "<lambda>", "in a module that can be imported"),
    "a metric": (KNeighborsClassifier(metric=lambda a, b: abs(a - b).sum()), "PyFuncDistance", "in a module"),
    "a kernel": (SVC(kernel=lambda a, b: a @ b.T), "<lambda>", "in a module"),
    "categories": (HistGradientBoostingClassifier(categorical_features=[3]), "functools.partial", "another step"),
    "keys that JSON changes": (LogisticRegression(class_weight={True: 1, False: 2}), "class_weight.*changed", "value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_loaded_is_refused_at_saving(name, embedder, path):
    step, message, advice = REFUSED[name]
    path.write_bytes(b"the old model")
    steps = [("mine", step.fit(np.round(X), Y == "a"))]
    if hasattr(step, "transform"):
        steps.append(("head", LogisticRegression().fit(X, Y)))
    with pytest.raises(ModelFileError, match=message) as caught:
        back(steps, embedder, path)
    assert caught.value.message.startswith(f"the step 'mine', {type(step).__name__}, could not be loaded again")
    assert advice in caught.value.next_step
    assert path.read_bytes() == b"the old model"


def test_the_innermost_step_is_named_and_a_search_is_told_to_save_its_best(embedder, path):
    inner = make_pipeline(StandardScaler(), FunctionTransformer(double), LINEAR)
    with pytest.raises(ModelFileError, match="step 'outer__functiontransformer', FunctionTransformer"):
        back([("outer", inner.fit(X, Y))], embedder, path)
    pipeline = Pipeline([("features", embedder), ("head", LINEAR)])
    search = RandomizedSearchCV(pipeline, {"head__C": loguniform(0.1, 1.0)})
    search.best_estimator_ = Pipeline([("features", embedder), ("head", LogisticRegression().fit(X, Y))])
    with pytest.raises(ModelFileError, match=r"the model, RandomizedSearchCV.*rv_continuous_frozen") as caught:
        save_model(search, path)
    assert "best_estimator_" in caught.value.next_step


def test_a_type_of_ones_own_is_loaded_where_it_is_trusted(embedder, path):
    model = make_pipeline(embedder, FunctionTransformer(double).fit(X), LogisticRegression().fit(X, Y))
    names = [f"{double.__module__}.double"]
    save_model(model, path, trusted=names)
    with pytest.raises(ModelFileError, match=r"does not trust.*double.*load_model\(path, trusted="):
        load_model(path)
    for trusted in (names, names[0]):
        np.testing.assert_array_equal(load_model(path, trusted=trusted)[1:].predict(X), model[1:].predict(X))


SCRIPT = """
import numpy as np
from featx import CNNFeatureTransformer, save_model
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
def double(values):
    return 2 * values
features = CNNFeatureTransformer(image_size=32).fit(np.zeros((2, 8, 8)))
save_model(make_pipeline(features, FunctionTransformer(double).fit([[1.0]])), "model.skops"{})
"""


def test_a_function_of_a_script_is_told_to_move_into_a_module(tmp_path):
    def run(trusted):
        return python(SCRIPT.format(trusted), folder=tmp_path)

    status, told = run("")
    assert status == 1
    assert "featx does not trust __main__.double" in told
    assert "in a module that can be imported" in told
    assert "trusted=" not in told.splitlines()[-1]
    status, told = run(', trusted=["__main__.double"]')
    assert status == 0, told
    with pytest.raises(ModelFileError, match=r"__main__\.double.*in a module that can be imported"):
        load_model(tmp_path / "model.skops")


@pytest.mark.parametrize(
    "trusted", [True, None, 3, [3], [None], b"mine.double", {"mine.double": 1}, [["a.b"]], ["a.b", 1]]
)
def test_trusted_of_another_kind_is_refused_by_name(trusted, embedder, path):
    model = make_pipeline(embedder, LogisticRegression().fit(X, Y))
    with pytest.raises(ParameterError, match="got trusted="):
        save_model(model, path, trusted=trusted)
    assert not path.exists()
    save_model(model, path)
    with pytest.raises(ParameterError, match="got trusted="):
        load_model(path, trusted=trusted)


@pytest.mark.parametrize("name", ["nowhere.double", "os.nothing", "double", "numpy", "", "a b", "os."])
def test_a_trusted_name_that_cannot_be_imported_is_refused_at_saving(name, embedder, path):
    with pytest.raises(ParameterError, match="got trusted=") as caught:
        save_model(make_pipeline(embedder, LogisticRegression().fit(X, Y)), path, trusted=[name])
    assert repr(name) in str(caught.value)
    assert not path.exists()


def test_a_function_and_a_set_of_types_are_trusted_as_their_names(embedder, path):
    model = make_pipeline(embedder, FunctionTransformer(double).fit(X), LogisticRegression().fit(X, Y))
    for trusted in (double, {double}, (double, LogisticRegression)):
        save_model(model, path, trusted=trusted)
        np.testing.assert_array_equal(load_model(path, trusted=trusted)[1:].predict(X), model[1:].predict(X))


def test_no_trusted_name_runs_code_or_opens_files():
    """Types of other libraries, and functions, are there one by one; all else belongs to scikit-learn and featx."""
    others = {name for name in trusted_types() if not name.startswith(("sklearn.", "featx."))}
    assert others == {
        *("numpy.dtype", "numpy.max", "numpy.mean", "numpy.median", "numpy.min"),
        *("scipy.sparse._csr.csr_array", "scipy.sparse._csr.csr_matrix"),
    }
    for word in ("PyFunc", "joblib", "Memory", "datasets", "externals", "testing", "partial", "memmap", "load", "save"):
        assert not [name for name in trusted_types() if word in name]


@pytest.mark.parametrize("name", ["sklearn.datasets._base.load_files", "sklearn.utils._mocking.CheckingClassifier"])
def test_other_names_of_scikit_learn_are_refused(name, embedder, path):
    save_model(make_pipeline(embedder, LogisticRegression().fit(X, Y)), path)
    content = skops.io.load(path, trusted=trusted_types())
    module, _, attribute = name.rpartition(".")
    content["model"].extra = getattr(__import__(module, fromlist=[attribute]), attribute)
    path.write_bytes(skops.io.dumps(content))
    with pytest.raises(ModelFileError, match="does not trust"):
        load_model(path)
