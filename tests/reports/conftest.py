"""What tests of pictures share: the figures that were drawn, and pyplot."""

import pytest

from featx.reports import history_plot, plots
from featx.reports.figure_files import save_figure


@pytest.fixture
def figures(monkeypatch):
    """The figures that were drawn, and saved too."""
    drawn = []

    def keep(figure, path):
        drawn.append(figure)
        save_figure(figure, path)

    for module in (history_plot, plots):
        monkeypatch.setattr(module, "save_figure", keep)
    return drawn


@pytest.fixture
def pyplot():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")
