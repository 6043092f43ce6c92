"""Promised: the surest mistakes come first, in the gallery and among thumbnails, and are kept of too many images."""

import numpy as np

from featx.html_report.image_list import OF_A_CELL, list_images
from reported import drawn_result


def test_the_surest_mistakes_come_first():
    table = drawn_result().predictions
    found = list_images(table)
    assert table.rows[found.orders["wrong"]].tolist() == table.surely_wrong().rows.tolist()
    sure = table["probability"][found.orders["unsure"]]
    assert (np.diff(sure) >= 0).all()
    assert all(table.truth[k] == table.answers[k] for k in found.orders["classes"])
    assert set(table.truth[found.orders["classes"]].tolist()) == set(range(6))


def test_thumbnails_begin_with_mistakes_so_many_of_a_cell_and_end_with_all():
    table = drawn_result(400, ["a", "b"], sure=0.0).predictions
    found = list_images(table)
    order = found.first_thumbnails()
    assert sorted(order) == list(range(400))
    wrong = [k for k in found.orders["wrong"] if table.truth[k] == 0]
    assert len(wrong) > OF_A_CELL
    assert [k for k in order if k in set(wrong)][:OF_A_CELL] == wrong[:OF_A_CELL]
    assert order.index(wrong[OF_A_CELL]) > order.index(found.orders["classes"][0])


def test_of_too_many_images_the_wrong_and_the_least_sure_are_listed():
    table = drawn_result().predictions
    n_wrong = int((table.truth != table.answers).sum())
    found = list_images(table, most=n_wrong + 10)
    assert (found.total, len(found.table.rows)) == (240, n_wrong + 10)
    assert (found.table.truth != found.table.answers).sum() == n_wrong


def test_the_folder_that_all_share_is_said_once():
    names = [f"/data/pho/a{i}.png" for i in range(239)] + ["/data/photos/b.png"]
    columns = list_images(drawn_result(names=names).predictions).columns()
    assert columns["folder"] == "/data/"
    assert columns["path"][-1] == "photos/b.png"
    assert "part" in columns


def test_without_probabilities_there_are_classes_alone():
    found = list_images(drawn_result(probabilities=False).predictions)
    assert "probability" not in found.columns()
    assert found.orders["unsure"] == []
