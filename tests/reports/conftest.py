"""What tests of pictures share: the figures that were drawn, and pyplot."""

import pytest

from featx.reports import figure_files
from featx.reports.figure_files import save_figure


@pytest.fixture
def figures(monkeypatch):
    """The figures that were drawn, and saved too."""
    drawn = []

    def keep(figure, path):
        drawn.append(figure)
        save_figure(figure, path)

    monkeypatch.setattr(figure_files, "save_figure", keep)
    return drawn


@pytest.fixture
def pyplot():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")
