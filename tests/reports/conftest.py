"""What tests of pictures share: the figures that were drawn, and pyplot."""

import pytest

from featx.reports import figure_files


@pytest.fixture
def figures(monkeypatch):
    """The figures that were drawn; they are laid out in place of being written, which takes longer."""
    drawn = []

    def keep(figure, path):
        drawn.append(figure)
        figure.draw_without_rendering()

    monkeypatch.setattr(figure_files, "save_figure", keep)
    return drawn


@pytest.fixture
def pyplot():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")
