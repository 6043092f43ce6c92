"""Promised: a stranger's model file chooses no place to write to, and leads no compiled code out of its memory."""

import collections
import functools
import json
import os
import pickle
import types
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
from scipy.sparse import csr_matrix
from sklearn.cluster import FeatureAgglomeration
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.random_projection import SparseRandomProjection
from sklearn.tree import DecisionTreeClassifier

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, load_model, save_model
from featx.exceptions import ModelFileError, ParameterError
from featx.heads.tuned_head import TunedHead
from featx.model_files.compiled_parts import check_compiled
from featx.model_files.local_settings import reset_local_settings
from featx.model_files.model_parts import parts
from featx.model_files.trusted_types import trusted_types
from featx.workflows.class_scores import class_scores

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(20)]
LABELS = np.array(["a", "b"] * 10)
X = RNG.normal(size=(60, 8)).astype(np.float32)
Y = np.repeat([0, 1, 2], 20)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture
def forged(path):
    """Return a function that writes a model file, changed by another hand after it was saved."""

    def write(model, change):
        save_model(model, path)
        content = skops.io.load(path, trusted=trusted_types())
        change(content["model"])
        path.write_bytes(skops.io.dumps(content))
        return path

    return write


def test_a_pipelines_memory_is_reset_and_a_refit_runs_no_pickle(tiny, path, tmp_path, forged):
    """What lies where the file says is neither read nor written."""
    place = tmp_path / "attacker"
    features = CNNFeatureTransformer(**tiny, cache=None)
    model = Pipeline([("features", features), ("head", LogisticRegression())], memory=str(place)).fit(IMAGES, LABELS)
    outputs = list(place.rglob("output.pkl"))
    assert outputs

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    for file in outputs:
        file.write_bytes(pickle.dumps(Bomb()))
    before = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    loaded = load_model(forged(model, lambda model: model.set_params(memory=str(place))))
    assert loaded.memory is None
    loaded.fit(IMAGES, LABELS)
    assert not (tmp_path / "exploded").exists()
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == before
    # A Memory object is no part of what is saved.
    save_model(model.set_params(memory=joblib.Memory(place, verbose=0)), path)
    assert load_model(path).memory is None
    assert isinstance(model.memory, joblib.Memory)


def nested(tiny, place):
    """Return models that would write to a place when they are fitted again, by where they name it."""
    features = ("features", CNNFeatureTransformer(**tiny))
    inner = Pipeline([("pca", PCA(2)), ("head", LogisticRegression())], memory=place)
    head = Pipeline([("pca", PCA(2)), ("head", LogisticRegression())])
    copying = AdaBoostClassifier(head)
    vars(copying).update({"memory": place, "head__cache": place})
    return {
        "inner pipeline": Pipeline([features, ("inner", inner)]),
        "union": Pipeline([("union", FeatureUnion([("images", Pipeline([features], memory=place))])), ("head", head)]),
        "clusters": Pipeline([features, ("merge", FeatureAgglomeration(2, memory=place)), ("head", head)]),
        "voting": Pipeline([features, ("vote", VotingClassifier([("inner", inner)]))]),
        "grid": GridSearchCV(Pipeline([features, ("head", head)]), {"head__memory": [place]}),
        "grids": GridSearchCV(Pipeline([features, ("head", head)]), [{"memory": [place]}, {"head__memory": [place]}]),
        "cache of a grid": GridSearchCV(Pipeline([features, ("head", head)]), {"features__cache": [None, place]}),
        "step of a grid": GridSearchCV(Pipeline([features, ("head", head)]), {"head": [inner]}),
        "bagged": Pipeline([features, ("bag", BaggingClassifier(inner))]),
        "copied attribute": Pipeline([features, ("boost", copying)]),
        "tuned grid": Pipeline([features, ("head", TunedHead(grid={"memory": [place]}))]),
        "training": VotingClassifier([("network", CNNFineTuneClassifier(**tiny, checkpoint=place, cache=place))]),
    }


@pytest.mark.parametrize("name", nested({}, ""))
def test_no_part_of_a_loaded_model_names_a_place(name, tiny, path, tmp_path):
    place = str(tmp_path / "elsewhere")
    save_model(nested(tiny, place)[name], path)
    assert b"elsewhere" not in path.read_bytes()
    # The same by a file that was not written by save_model.
    content = skops.io.load(path, trusted=trusted_types())
    content["model"] = nested(tiny, place)[name]
    path.write_bytes(skops.io.dumps(content))
    assert b"elsewhere" in path.read_bytes()
    assert b"elsewhere" not in skops.io.dumps(load_model(path))


class Slots:
    __slots__ = ("held",)

    def __init__(self, held):
        self.held = held


HOLDERS = {
    "set": lambda step: {("a", step)},
    "frozenset": lambda step: frozenset([step]),
    "deque": lambda step: collections.deque([step]),
    "key": lambda step: {step: 1},
    "values": lambda step: {"a": step}.values(),
    "iterator": lambda step: iter([step]),
    "map": lambda step: map(str, [step]),
    "default": lambda step: collections.defaultdict(step.fit),
    "partial": lambda step: functools.partial(print, step),
    "keyword": lambda step: functools.partial(print, step=step),
    "bound method": lambda step: step.fit,
    "slot": Slots,
    "namespace": lambda step: types.SimpleNamespace(step=step),
    "proxy": lambda step: types.MappingProxyType({"a": step}),
    "array": lambda step: np.array([[step, None]], dtype=object),
    "masked array": lambda step: np.ma.array(np.array([step, None], dtype=object), mask=True),
    "attribute of a collection": lambda step: set_on(type("Own", (list,), {})(), "held", step),
    "images": lambda step: set_on(CNNFeatureTransformer(), "held", {step}),
}


def set_on(part, name, value):
    vars(part)[name] = value
    return part


@pytest.mark.parametrize("name", HOLDERS)
def test_a_place_is_forgotten_however_its_step_is_held(name):
    step = Pipeline([("pca", PCA(2))], memory="elsewhere")
    model = set_on(PCA(), "held", [HOLDERS[name](step)])
    reset_local_settings(model)
    assert step.memory is None
    assert any(part is step for _, part in parts(model, inside=True))


def edited(path, change):
    """Change the schema of a model file, with or without skops."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])
    change(schema)
    content["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def nodes(value, kind):
    """Yield the nodes of a schema that are objects of a class."""
    if isinstance(value, dict) and value.get("__class__") == kind and value.get("__loader__") == "ObjectNode":
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child, kind)


def literal(value):
    content = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    return {**content, "content": json.dumps(value), "is_json": True}


def add(node, key, value):
    """Add an attribute to an object, or replace it."""
    content = node["content"]
    if key not in content["content"]:
        content["key_types"]["content"].append({"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"})
    content["content"][key] = value


def test_steps_in_a_set_write_nothing_when_they_are_fitted_again(tiny, path, tmp_path):
    place = tmp_path / "elsewhere"
    union = FeatureUnion([("a", Pipeline([("p", PCA(3)), ("q", PCA(2))])), ("b", PCA(2))])
    model = make_pipeline(CNNFeatureTransformer(**tiny), union, LogisticRegression()).fit(IMAGES, LABELS)
    save_model(model, path)

    def change(schema):
        steps = next(nodes(schema, "FeatureUnion"))["content"]["content"]["transformer_list"]
        steps.update({"__class__": "set", "__loader__": "SetNode"})
        add(next(nodes(steps, "Pipeline")), "memory", literal(str(place)))

    loaded = load_model(edited(path, change))
    assert isinstance(loaded[1].transformer_list, set)
    loaded.fit(IMAGES, LABELS)
    assert not place.exists()


BUNCH = {"__class__": "Bunch", "__module__": "sklearn.utils._bunch", "__loader__": "TypeNode"}


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("CNNFeatureTransformer", "set_params", BUNCH),
        ("CNNFeatureTransformer", "get_params", BUNCH),
        ("CNNFeatureTransformer", "extract", BUNCH),
        ("CNNFeatureTransformer", "__sklearn_clone__", BUNCH),
        ("Pipeline", "get_params", BUNCH),
        ("Pipeline", "memory_", None),
        ("LogisticRegression", "predict", BUNCH),
        ("LogisticRegression", "predict_proba", literal("text")),
        ("LogisticRegression", "_parameter_constraints", literal({})),
        ("LogisticRegression", "__class__", BUNCH),
        ("LogisticRegression", "_get_param_names", BUNCH),
    ],
)
def test_an_attribute_that_hides_a_method_is_refused(kind, key, value, tiny, path, tmp_path):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    save_model(make_pipeline(features, LogisticRegression().fit(X, Y)), path)
    place = tmp_path / "elsewhere"

    def change(schema):
        add(next(nodes(schema, "CNNFeatureTransformer")), "cache", literal(str(place)))
        if value is not None:
            add(next(nodes(schema, kind)), key, value)

    edited(path, change)
    if value is None:  # the file is what it should be but for the attribute
        assert load_model(path)[0].cache == "auto"
        return
    with pytest.raises(ModelFileError, match="not a featx model, or it is damaged"):
        load_model(path)
    assert not place.exists()


def test_saving_names_the_attribute_that_hides_a_method(tiny, path):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    head = LogisticRegression().fit(X, Y)
    head.predict = np.max
    with pytest.raises(ModelFileError, match=r"step 'logisticregression'.*attribute predict shadows that of Logistic"):
        save_model(make_pipeline(features, head), path)


def reference(number):
    return {"__class__": "list", "__module__": "builtins", "__loader__": "CachedNode", "__id__": number}


def collection(number, *content):
    return {**reference(number), "__loader__": "ListNode", "content": list(content)}


def laughs(depth, second=reference):
    """Return lists that hold the next one twice, the second time by a reference."""
    node = collection(1, literal(1))
    for number in range(2, depth):
        node = collection(number, node, second(number - 1))
    return node


# Where a number has two meanings, skops takes the one that it meets first.
TWICE = {
    "references": lambda: laughs(60),
    "numbers": lambda: laughs(60, lambda number: collection(number)),
    "itself": lambda: collection(1, reference(1)),
    "each other": lambda: collection(1, collection(2, reference(1)), reference(2)),
    "unknown": lambda: collection(1, reference(9)),
}


@pytest.mark.parametrize("name", TWICE)
def test_references_that_expand_without_end_are_refused(name, tiny, path):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    save_model(make_pipeline(features, LogisticRegression().fit(X, Y)), path)
    edited(path, lambda schema: add(next(nodes(schema, "LogisticRegression")), "more", TWICE[name]()))
    with pytest.raises(ModelFileError, match="not a featx model, or it is damaged"):
        load_model(path)


def test_a_reference_or_two_are_read(tiny, path):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    save_model(make_pipeline(features, LogisticRegression().fit(X, Y)), path)
    edited(path, lambda schema: add(next(nodes(schema, "LogisticRegression")), "more", laughs(5)))
    assert load_model(path)[1].more == [[[[1], [1]], [[1], [1]]], [[[1], [1]], [[1], [1]]]]


def test_a_pipe_is_no_model_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.skops")
    with pytest.raises(ModelFileError, match="not a regular file"):
        load_model(tmp_path / "model.skops")


def test_steps_that_are_called_like_a_place_are_kept(tiny, path):
    model = make_pipeline(
        CNNFeatureTransformer(**tiny),
        VotingClassifier([("memory", LogisticRegression()), ("cache", LogisticRegression())], voting="soft"),
    ).fit(IMAGES, LABELS)
    save_model(model, path)
    loaded = load_model(path)
    assert set(loaded[1].named_estimators_) == {"memory", "cache"}
    np.testing.assert_array_equal(loaded.predict_proba(IMAGES), model.predict_proba(IMAGES))


def set_node(field, value, row=0):
    """Return a change of one field of a tree's node."""

    def change(head):
        holder = getattr(head, "estimators_", [head])[0]
        holder = holder[0] if isinstance(holder, np.ndarray) else holder
        state = holder.tree_.__getstate__()
        state["nodes"][field][row] = value
        holder.tree_.__setstate__(state)

    return change


def set_predictor(field, value):
    def change(head):
        head._predictors[0][0].nodes[field][0] = value

    return change


def set_neighbours(position, value):
    def change(head):
        state = list(head._tree.__getstate__())
        if isinstance(state[position], np.ndarray):
            state[position] = state[position].copy()
        state[position] = value(state[position])
        head._tree.__setstate__(tuple(state))

    return change


def put(row, value, field=None):
    def change(array):
        (array if field is None else array[field])[row] = value
        return array

    return change


def set_attribute(name, value):
    return lambda head: setattr(head, name, value(getattr(head, name)))


def share_with_a_narrower_tree(head):
    """Let a second estimator, which takes fewer features, hold the same tree."""
    other = DecisionTreeClassifier().fit(X[:, :2], Y)
    other.tree_ = head.estimators_[0].tree_
    head.estimators_.append(other)


def boosted():
    return GradientBoostingClassifier(n_estimators=2)


def histogram():
    return HistGradientBoostingClassifier(max_iter=2)


def projected():
    return SparseRandomProjection(4, density=0.5, random_state=0)


def set_sparse(name, value):
    """Return a change of what a sparse matrix says of itself."""
    return lambda head: vars(head.components_).update({name: value(vars(head.components_)[name])})


def neighbours():
    return KNeighborsClassifier(algorithm="kd_tree", leaf_size=5)


def weighted():
    metric = {"metric": "seuclidean", "metric_params": {"V": np.ones(8)}}
    return KNeighborsClassifier(algorithm="ball_tree", **metric)


FORGERIES = {
    "child beyond": (DecisionTreeClassifier, set_node("left_child", 10**9)),
    "child before": (DecisionTreeClassifier, set_node("right_child", -5)),
    "child itself": (DecisionTreeClassifier, set_node("left_child", 0)),
    "feature beyond": (DecisionTreeClassifier, set_node("feature", 8)),
    "feature before": (DecisionTreeClassifier, set_node("feature", -3)),
    "narrower estimator": (DecisionTreeClassifier, set_attribute("n_features_in_", lambda n: n - 1)),
    "forest": (lambda: RandomForestClassifier(2), set_node("feature", 8)),
    "narrower forest": (lambda: RandomForestClassifier(2), set_attribute("n_features_in_", lambda n: n - 1)),
    "shared tree": (lambda: RandomForestClassifier(2), share_with_a_narrower_tree),
    "boosting": (boosted, set_node("left_child", 99)),
    "narrower boosting": (boosted, set_attribute("n_features_in_", lambda n: n - 1)),
    "fewer outputs": (boosted, set_attribute("n_trees_per_iteration_", lambda n: n - 1)),
    "bag of other features": (
        lambda: BaggingClassifier(n_estimators=2),
        set_attribute("estimators_features_", lambda chosen: [columns[:2] for columns in chosen]),
    ),
    "histogram child": (histogram, set_predictor("left", 10**6)),
    "histogram loop": (histogram, set_predictor("right", 0)),
    "histogram feature": (histogram, set_predictor("feature_idx", 8)),
    "histogram categories": (histogram, set_predictor("is_categorical", 1)),
    "neighbour's row": (neighbours, set_neighbours(1, put(0, 10**6))),
    "neighbours' range": (neighbours, set_neighbours(2, put(0, 10**6, "idx_end"))),
    "neighbours' leaf": (neighbours, set_neighbours(2, put(-1, 0, "is_leaf"))),
    "neighbours' count": (neighbours, set_neighbours(6, lambda count: count + 100)),
    "neighbours' bounds": (neighbours, set_neighbours(3, lambda bounds: bounds[:, :1].copy())),
    "fewer rows": (neighbours, set_neighbours(0, lambda data: data[:30].copy())),
    "sparse column": (projected, set_sparse("indices", put(0, 10**6))),
    "sparse column before": (projected, set_sparse("indices", put(0, -1))),
    "sparse row": (projected, set_sparse("indptr", put(-1, 10**6))),
    "sparse rows back": (projected, set_sparse("indptr", lambda ends: ends[[0, 2, 1, 3, 4]])),
    "sparse shape": (projected, set_sparse("_shape", lambda shape: (10**6, shape[1]))),
    "narrower sparse shape": (projected, set_sparse("_shape", lambda shape: (shape[0], 2))),
    "fewer sparse values": (projected, set_sparse("data", lambda data: data[:1].copy())),
    "fewer weights": (weighted, lambda head: set_neighbours(11, lambda m: KNeighborsClassifier(
        algorithm="ball_tree", metric="seuclidean", metric_params={"V": np.ones(2)}
    ).fit(X[:, :2], Y)._tree.__getstate__()[11])(head)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_trees_that_lead_out_of_their_memory_are_refused(name, tiny, forged, path):
    head, change = FORGERIES[name]
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    model = Pipeline([("features", features), ("head", head().fit(X, Y))])
    with pytest.raises(ModelFileError, match="not a featx model, or it is damaged"):
        load_model(forged(model, lambda model: change(model[1])))
    change(model[1])
    with pytest.raises(ModelFileError, match=r"step 'head'.*(own memory|is damaged|ValueError: .*(index|indices) )"):
        save_model(model, path)


class Raises(LogisticRegression):
    def predict(self, X):
        raise self.C


class Answers(LogisticRegression):
    def predict_proba(self, X):
        return np.ones(self.C)


ERRORS = [AttributeError("none"), IndexError(), TypeError("no"), ZeroDivisionError(), ValueError("x")]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_head_that_cannot_predict_is_named(error):
    head = Raises(C=1.0).fit(X, Y).set_params(C=error)
    with pytest.raises(ModelFileError, match=f"the model's Raises fails: {str(error) or type(error).__name__}"):
        class_scores(head, X)


@pytest.mark.parametrize("shape", [(60,), (60, 2), (3, 60), (59, 3), ()])
def test_answers_of_another_shape_are_refused(shape):
    head = Answers(C=1.0).fit(X, Y).set_params(C=shape)
    with pytest.raises(ModelFileError, match="do not match its classes"):
        class_scores(head, X)


def test_a_side_that_no_memory_holds_is_refused(tiny):
    with pytest.raises(ParameterError, match=r"got image_size=10000000; expected at most 9459 \(pixels\)"):
        CNNFeatureTransformer(**{**tiny, "image_size": 10**7}).fit(IMAGES)


CLAIMS = {
    "order": ("_has_sorted_indices", True),
    "objects": ("data", np.array([[1], None], dtype=object)),
    "positions that are no numbers": ("indices", [0, 1]),
    "broken positions": ("indices", np.array([0.0, 1.0])),
    "text for a shape": ("_shape", ("2", "2")),
    "beyond": ("indices", np.array([0, 2], np.int32)),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_sparse_matrix_of_a_file_claims_nothing(name):
    matrix = csr_matrix(np.eye(2))
    check_compiled({"held": matrix})
    key, value = CLAIMS[name]
    with pytest.raises(ValueError, match=r"held (leads out of its own memory|is damaged)"):
        check_compiled({"held": set_on(matrix, key, value)})
