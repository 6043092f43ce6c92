"""The images that most tests of fine-tuning train on."""

import pytest

from trainings import coloured


@pytest.fixture(scope="module")
def data():
    return coloured()
