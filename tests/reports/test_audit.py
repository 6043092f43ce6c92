"""Promised: the tables of an audit say what was found, how sure it is, and what to do next."""

import numpy as np

from featx import AuditResult, ImageDataset
from featx.audit.accuracy_cost import AccuracyCost
from featx.audit.duplicates import DuplicatePair
from featx.audit.label_errors import Suspect
from featx.audit.odd_images import OddImage
from featx.audit.shortcuts import Shortcut
from featx.display.text_tables import render_text
from featx.evaluation.estimates import Estimate
from featx.reports.audit import audit_parts

NAMES = ["a.png", "b.png", "c.png", "d.png"]
PARTS = np.array(["training", "test", "test", "training"])
DATA = ImageDataset(NAMES, NAMES, np.array(["x", "y", "x", "y"]), split=PARTS)


def text_of(result):
    return render_text(audit_parts(result), width=80)


def test_all_that_was_found():
    costs = [
        AccuracyCost("leakage", 0.931, 0.907, Estimate(0.024, 0.016, 0.032), 1e-5, 7, 800),
        AccuracyCost("suspects", 0.907, 0.911, Estimate(0.004, -0.002, 0.01), 0.2, 9, 800),
    ]
    shortcut = Shortcut("file size", 0.8, 0.5, Estimate(0.3, 0.2, 0.4), 1e-4, True)
    pairs = [DuplicatePair(0, 1, "crop", 0.987)]
    result = AuditResult(DATA, pairs, np.array(["g", "g", "h", "i"]), 0.91, [Suspect(2, "x", "y", 0.93, 0.04)], 1.4,
                         [OddImage(3, "tiny", "4 x 4 pixels")], [shortcut], costs)  # fmt: skip
    text = text_of(result)
    flat = " ".join(text.split())
    assert "of your 93.1 %, 2.4 (1.6 to 3.2) points are leakage" in flat
    assert "across the split" in text
    assert "an estimate without interval" in flat
    assert "warning: the class is predicted better than chance from the size of the file alone;" in flat
    assert "--write-groups FILE.csv" in flat
    assert max(map(len, text.splitlines())) <= 80


def test_similar_pictures_are_said_not_to_count():
    similar = [DuplicatePair(0, 2, "similar", 0.91), DuplicatePair(1, 3, "similar", 0.95)]
    result = AuditResult(DATA, [], np.array(["g", "h", "i", "j"]), 0.99, [], 0.0, [], [], [], similar=similar)
    text = text_of(result)
    assert "near-duplicates: none found" in text
    assert "2 pairs much alike whose detail differs; they are not counted" in " ".join(text.split())
    assert text.index("0.950") < text.index("0.910")
    assert "nothing was found" in text
    assert max(map(len, text.splitlines())) <= 80


def test_odd_images_are_counted_by_kind():
    kinds = ["outlier", "outlier", "shape", "blank"]
    odd = [OddImage(row, kind, "why") for row, kind in enumerate(kinds)]
    result = AuditResult(DATA, [], np.array(["g", "h", "i", "j"]), 0.99, [], 0.0, odd, [], [])
    assert "odd images: 2 outliers, 1 of an odd shape, 1 blank" in text_of(result)


def test_groups_are_advised_where_they_can_be_written_and_are_not():
    pairs, groups = [DuplicatePair(0, 1, "crop", 0.987)], np.array(["g", "g", "h", "i"])
    result = AuditResult(DATA, pairs, groups, 0.99, [], 0.0, [], [], [], groups_file="my groups.csv")
    text = " ".join(text_of(result).split())
    assert "next: `featx fit 'my groups.csv' -o model.skops` keeps near-duplicates on one side" in text
    assert "--write-groups" not in text_of(result)
    memory = ImageDataset([np.zeros((2, 2, 3), np.uint8)] * 4, NAMES, DATA.labels, split=PARTS)
    text = text_of(AuditResult(memory, pairs, groups, 0.99, [], 0.0, [], [], []))
    assert "--write-groups" not in text
    assert text.endswith("something to look at was found")


def test_what_was_not_checked_is_said_where_nothing_was_found():
    result = AuditResult(DATA, [], np.array(["g", "h", "i", "j"]), None, [], None, [], [], [],
                         notes=["labels were not checked"], not_checked=["labels", "shortcuts"])  # fmt: skip
    assert text_of(result).endswith("nothing was found in what was checked; not checked: labels, shortcuts")


def test_labels_of_images_that_could_not_be_read_were_not_judged():
    odd = [OddImage(3, "unreadable", "the file is empty"), OddImage(2, "blank", "one colour")]
    text = text_of(AuditResult(DATA, [], np.array(["g", "h", "i", "j"]), 0.99, [], 0.0, odd, [], []))
    assert "labels: 0 of 3 suspected" in text


def test_a_leakage_that_the_test_does_not_show_is_not_claimed():
    cost = AccuracyCost("leakage", 0.9, 0.4, Estimate(0.5, 0.084, 0.763), 0.062, 1, 10)
    text = " ".join(
        text_of(AuditResult(DATA, [], np.array(["g", "h", "i", "j"]), 0.99, [], 0.0, [], [], [cost])).split()
    )
    assert "a leakage of 50.0 (8.4 to 76.3) points cannot be told from none" in text
    assert "are leakage" not in text


def test_nothing_found():
    text = text_of(AuditResult(DATA, [], np.array(["g", "h", "i", "j"]), 0.99, [], 0.0, [], [], []))
    assert "near-duplicates: none found" in text
    assert "nothing was found" in text
