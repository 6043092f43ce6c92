"""What a forecast counts, and what lies in a cache."""

GRIDS = {"logistic": {"C": [0.01]}}


def kept(tmp_path):
    """Return the names of what lies in the cache, but what is remembered of files and of the processor."""
    found = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".json"]
    return sorted(path.name for path in found if path.name != "digests.sqlite")


def forecast_passes(forecast):
    return sum(part.n_images for part in forecast.parts if "forward" in part.name or "predict" in part.name)
