"""The types that a model file may hold: those of featx, scikit-learn and numpy that are safe to load.

skops creates an object of a trusted type, fills it with the content of the file, and may call the type with that
content. So a type or a function belongs here only if creating and calling it with any content runs no code from the
file and writes nothing; the objects are checked afterwards (`compiled_parts`, `local_settings`).
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ..exceptions import ModelFileError, ParameterError
from .light_skops import UntrustedTypesFoundException

__all__ = [
    "Trusted",
    "UntrustedTypesError",
    "check_importable",
    "is_local",
    "names_of",
    "trusted_types",
    "untrusted_names",
]

TypeOrName = str | type | Callable[..., Any]
Trusted = TypeOrName | Collection[TypeOrName]

OWN_TYPES = (
    "featx.AdaptedClassifier",
    "featx.Augmentation",
    "featx.CNNFeatureTransformer",
    "featx.CNNFineTuneClassifier",
    "featx.NearestMean",
    "featx.ThresholdClassifier",
    "featx.TunedHead",
)
# In addition to the estimators of sklearn.utils.all_estimators(), ufuncs and losses, which skops trusts by itself.
NAMED_TYPES = (
    "numpy.dtype",
    # skops trusts the name that the NumPy here gives it; NumPy 1 and 2 give different ones.
    "numpy.ma.MaskedArray",
    "numpy.ma.core.MaskedArray",
    "scipy.sparse._csr.csr_array",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._MultimetricScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._ball_tree.BallTree32",
    "sklearn.neighbors._ball_tree.BallTree64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neighbors._kd_tree.KDTree32",
    "sklearn.neighbors._kd_tree.KDTree64",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
    # Estimators that have to be switched on by an import of sklearn.experimental before they are listed.
    "sklearn.impute._iterative.IterativeImputer",
    "sklearn.impute._iterative._ImputerTriplet",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
)
# Functions of arrays that are common values of parameters.
FUNCTIONS = (
    "numpy.max",
    "numpy.mean",
    "numpy.median",
    "numpy.min",
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_oneway",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.feature_selection._univariate_selection.r_regression",
)
# All subclasses of a class in the same module: (module, class). Their state is numbers and text.
FAMILIES = (
    ("sklearn._loss.link", "BaseLink"),
    ("sklearn._loss.link", "Interval"),
    ("sklearn._loss.loss", "BaseLoss"),
    ("sklearn.gaussian_process.kernels", "Kernel"),
    ("sklearn.metrics._dist_metrics", "DistanceMetric"),
    ("sklearn.model_selection._split", "BaseCrossValidator"),
    ("sklearn.model_selection._split", "BaseShuffleSplit"),
    ("sklearn.model_selection._split", "_RepeatedSplits"),
)
NAMING_STEP = "Name each with its module, such as trusted=['mine.Scaler']."
# A metric that is a Python function.
UNTRUSTED = ("PyFuncDistance", "PyFuncDistance32", "PyFuncDistance64")


class UntrustedTypesError(ModelFileError):
    """A model file holds types that are not trusted.

    Parameters
    ----------
    path : str
    names : list of str
        Of these types.
    given : sequence of str or type, default=()
        Those that are trusted beyond what featx trusts.
    """

    def __init__(self, path: str, names: list[str], given: Trusted = ()) -> None:
        needed = [*names_of(given), *names]
        options = " ".join(f"--trust {name}" for name in needed)
        super().__init__(
            f"{path} holds types that featx does not trust, and is refused: {', '.join(names)}",
            "Write them in a module that can be imported, and save the model again."
            if any(map(is_local, names))
            else f"If you know what they do, use `featx predict` with {options}, in Python "
            f"load_model(path, trusted={needed}).",
        )
        self.args = (path, names, given)
        self.names = names


def trusted_types(more: Trusted = ()) -> list[Any]:
    """Return the types and functions that a model file may hold beyond what skops trusts by itself, and those given.

    Raises
    ------
    ParameterError
        If `more` is not a name, type or function, nor a collection of them.
    """
    return [*_known(), *_given(more)]


def check_importable(more: Trusted) -> None:
    """Refuse a name that cannot be imported here, before a file is written that needs it elsewhere.

    Raises
    ------
    ParameterError
    """
    for name in _given(more):
        if not isinstance(name, str):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of modules that are deprecated
                found = pkgutil.resolve_name(name)
        except Exception as error:  # whatever the import of a module raises
            raise ParameterError(f"got trusted={name!r}, which cannot be imported: {error}", NAMING_STEP) from error
        if not callable(found):
            raise ParameterError(f"got trusted={name!r}; expected a type or function", NAMING_STEP)


def names_of(more: Trusted) -> list[str]:
    """Return types and functions as their names, with the module before each."""
    return [item if isinstance(item, str) else f"{item.__module__}.{item.__name__}" for item in _given(more)]


def untrusted_names(error: UntrustedTypesFoundException) -> list[str]:
    """Return the names of the types that were refused."""
    text = str(error).partition("[")[2].partition("]")[0]
    return [name.strip(" '\"") for name in text.split(",")]


def is_local(name: str) -> bool:
    """Tell whether a type or function exists in its own process only: a lambda, or one of a script or notebook."""
    return "<" in name or name.startswith("__main__.")


def _given(more: Any) -> list[Any]:
    given = [more] if _is_named(more) or not isinstance(more, Collection) or isinstance(more, bytes | Mapping) else more
    for item in given:
        if not _is_named(item):
            raise ParameterError(f"got trusted={item!r}; expected names, types or functions", NAMING_STEP)
    return list(given)


def _is_named(item: Any) -> bool:
    return isinstance(item, str | type) or (callable(item) and isinstance(getattr(item, "__name__", None), str))


@functools.cache
def _known() -> tuple[str, ...]:
    return tuple(dict.fromkeys([*OWN_TYPES, *NAMED_TYPES, *FUNCTIONS, *_families(), *_scores()]))


def _families() -> Iterator[str]:
    for place, ancestor in FAMILIES:
        module = importlib.import_module(place)
        root = getattr(module, ancestor, None)
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == place
            if own and root is not None and issubclass(kind, root) and kind.__name__ not in UNTRUSTED:
                yield f"{place}.{kind.__name__}"


def _scores() -> Iterator[str]:
    """Yield the functions behind the names that `scoring` takes."""
    from sklearn.metrics import get_scorer, get_scorer_names

    for name in get_scorer_names():
        function = get_scorer(name)._score_func
        yield f"{function.__module__}.{function.__name__}"
