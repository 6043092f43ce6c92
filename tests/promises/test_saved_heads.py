"""Promised: what is saved can be loaded and predicts the same, or is refused at saving with the name of the step."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import FeatureAgglomeration, KMeans
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
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import SparseRandomProjection
from sklearn.svm import LinearSVC, OneClassSVM
from sklearn.utils import all_estimators

from featx import CNNFeatureTransformer, load_model, save_model

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
