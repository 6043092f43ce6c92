"""Promised: the surest mistakes come first, in the gallery and among thumbnails, and are kept of too many images."""

import dataclasses

import numpy as np

from featx.html_report.image_list import OF_A_CELL, list_images
from reported import drawn_result


def test_the_surest_mistakes_come_first():
    table = drawn_result().predictions
    orders = list_images({"": table}).orders[""]
    assert table.rows[orders["wrong"]].tolist() == table.surely_wrong().rows.tolist()
    sure = table["probability"][orders["unsure"]]
    assert (np.diff(sure) >= 0).all()
    assert all(table.truth[k] == table.answers[k] for k in orders["classes"])
    assert set(table.truth[orders["classes"]].tolist()) == set(range(6))
    assert "alone" not in orders


def test_thumbnails_begin_with_mistakes_so_many_of_a_cell_and_end_with_all():
    table = drawn_result(400, ["a", "b"], sure=0.0).predictions
    found = list_images({"": table})
    order = found.first_thumbnails()
    assert sorted(order) == list(range(400))
    wrong = [k for k in found.orders[""]["wrong"] if table.truth[k] == 0]
    assert len(wrong) > OF_A_CELL
    assert [k for k in order if k in set(wrong)][:OF_A_CELL] == wrong[:OF_A_CELL]
    assert order.index(wrong[OF_A_CELL]) > order.index(found.orders[""]["classes"][0])


def test_of_too_many_images_the_wrong_and_the_least_sure_are_listed():
    table = drawn_result().predictions
    n_wrong = int((table.truth != table.answers).sum())
    found = list_images({"": table}, most=n_wrong + 10)
    assert (found.total, len(found.table.rows)) == (240, n_wrong + 10)
    assert (found.table.truth != found.table.answers).sum() == n_wrong


def test_the_folder_that_all_share_is_said_once():
    names = [f"/data/pho/a{i}.png" for i in range(239)] + ["/data/photos/b.png"]
    columns = list_images({"": drawn_result(names=names).predictions}).columns()
    assert columns["folder"] == "/data/"
    assert columns["path"][-1] == "photos/b.png"
    assert "part" in columns


def test_without_probabilities_there_are_classes_alone():
    found = list_images({"": drawn_result(probabilities=False).predictions})
    assert "probability" not in found.models()[0]
    assert found.orders[""]["unsure"] == []


def test_of_several_strategies_images_are_told_apart_by_who_is_wrong():
    tables = {f"s{seed}": drawn_result(seed=seed, sure=1.0).predictions for seed in range(3)}
    truth = tables["s0"].truth
    tables = {name: dataclasses.replace(table, truth=truth) for name, table in tables.items()}
    found = list_images(tables)
    wrong = {name: set(np.flatnonzero(table.answers != truth).tolist()) for name, table in tables.items()}
    everywhere = set.intersection(*wrong.values())
    assert everywhere
    for name in tables:
        orders = found.orders[name]
        assert set(orders["together"]) == everywhere
        assert set(orders["alone"]) == wrong[name] - everywhere
    # The surest mistakes of each come before the second of any.
    assert found.first_thumbnails()[:3] == list(dict.fromkeys(found.orders[name]["wrong"][0] for name in tables))
    few = list_images(tables, most=50)
    assert (few.total, len(few.table.rows)) == (240, 50)
    listed = set(few.table.rows.tolist())
    assert all(set(few.table.rows[few.orders[name]["wrong"]].tolist()) == wrong[name] & listed for name in tables)


def test_an_image_that_several_repeats_tested_has_one_thumbnail():
    table = drawn_result(10).predictions
    twice = table.take(np.sort(np.tile(np.arange(10), 2)))
    columns = list_images({"": twice}).columns()
    assert columns["picture"] == [2 * (place // 2) for place in range(20)]
    assert "picture" not in list_images({"": table}).columns()
