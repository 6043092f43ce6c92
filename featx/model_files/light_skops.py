"""Load skops without torch, dask and CuPy, which scikit-learn's list of its estimators would load with it.

skops trusts all estimators of scikit-learn, and finds them by `sklearn.utils.all_estimators`. That imports every
package of scikit-learn, its adapters to the installed array libraries among them, which hold no estimator. Loading
torch takes longer than all the rest.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder

__all__ = ["UntrustedTypesFoundException", "skops_io"]

ADAPTERS = "sklearn.externals.array_api_compat."
LIBRARIES = ("torch", "dask", "cupy")


class _Refusal(MetaPathFinder):
    """Finds no adapter to an array library, as where that is not installed."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self.names:
            raise ModuleNotFoundError(f"{name} is left out while skops is loaded", name=name)


@contextlib.contextmanager
def _without_adapters() -> Iterator[None]:
    """Leave out the adapters to libraries that are not loaded, so that nothing can be using them."""
    refusal = _Refusal({f"{ADAPTERS}{name}" for name in LIBRARIES if name not in sys.modules})
    sys.meta_path.insert(0, refusal)
    try:
        yield
    finally:
        sys.meta_path.remove(refusal)


with _without_adapters():
    import skops.io as skops_io
    from skops.io.exceptions import UntrustedTypesFoundException
