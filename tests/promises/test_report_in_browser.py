"""Promised: the page of a report works in a browser as a reader uses it, and nothing in its names runs."""

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

import chromium
from chromium import Opened
from featx.display.quantities import count_text
from featx.html_report.report_file import write_report
from reported import HOSTILE, SIX, audit_of, drawn_comparison, drawn_result, images_of


@pytest.fixture(scope="module")
def browser():
    with chromium.browser() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "images").mkdir()
    result = drawn_result()
    dataset = images_of(result, folder / "images")
    write_report(result, folder / "report.html", dataset=dataset, command="featx fit photos/ -o m.skops")
    return result, folder / "report.html"


@pytest.fixture(scope="module")
def kept_open(browser, report):
    found = Opened(browser, report[1])
    yield found
    found.close()


@pytest.fixture
def opened(kept_open):
    kept_open.page.reload()
    yield kept_open
    assert kept_open.messages == []
    assert kept_open.asked_for() == []


def shown_paths(page):
    while page.locator("#more").is_visible():
        page.click("#more")
    return page.locator("#gallery .path").all_inner_texts()


def paths_of(result, chosen):
    return [name.rpartition("/")[2] for name in result.predictions.names[chosen]]


def test_a_cell_shows_exactly_its_images(opened, report):
    result, _ = report
    table = result.predictions
    for true, other in ((0, 1), (2, 2)):
        cell = opened.page.locator(f"#matrix .cell[data-true='{true}'][data-predicted='{other}']")
        assert cell.inner_text() == str(result.confusion_matrix[true][other])
        cell.click()
        expected = paths_of(result, (table.truth == true) & (table.answers == other))
        assert shown_paths(opened.page) == expected
        assert len(expected) == result.confusion_matrix[true][other] > 0
        assert cell.get_attribute("aria-current") == "true"
    # Every one of them is an image that the browser could draw.
    widths = opened.page.eval_on_selector_all("#gallery img", "images => images.map(image => image.naturalWidth)")
    assert widths == [20] * len(expected)


def test_cells_switch_between_counts_and_shares(opened, report):
    result, _ = report
    cell = opened.page.locator("#matrix .cell[data-true='0'][data-predicted='0']")
    opened.page.check("input[value=shares]")
    row = result.confusion_matrix[0]
    assert cell.inner_text() == f"{100 * row[0] / sum(row):.1f} %"
    opened.page.check("input[value=counts]")
    assert cell.inner_text() == str(row[0])


def test_the_gallery_is_filtered_ordered_and_walked_by_arrow_keys(opened, report):
    result, _ = report
    page, table = opened.page, result.predictions
    wrong = table.surely_wrong()
    assert shown_paths(page) == paths_of(result, wrong.rows)
    page.select_option("#of-true", "3")
    assert shown_paths(page) == paths_of(result, wrong.rows[wrong.truth == 3])
    page.select_option("#order", "all")
    page.select_option("#of-predicted", "3")
    assert len(shown_paths(page)) == result.confusion_matrix[3][3]
    page.select_option("#of-true", "")
    assert len(shown_paths(page)) == sum(row[3] for row in result.confusion_matrix)
    names = page.locator("#gallery .path").all_inner_texts()
    focused = "document.activeElement.querySelector('.path').innerText"
    page.focus("#gallery button")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == names[2]
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == names[1]
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    facts = dict(line.split("\n") for line in opened.texts("#detail-facts > div"))
    place = names[2]
    row = next(k for k, name in enumerate(table.names) if name.endswith(f"/{place}"))
    assert facts["path"] == table.names[row]
    assert facts["true class"] == SIX[table.truth[row]]
    assert facts["probability"] == f"{100 * table['probability'][row]:.1f} %"
    assert facts["part"] == f"fold {1 + row % 2}"
    page.keyboard.press("Escape")
    # The browser gives the focus back to what opened the dialog before it says that the dialog is closed.
    page.wait_for_function(f"() => {focused} === {names[2]!r}", timeout=3000)


def test_the_slider_shows_what_scikit_learn_computes(opened, report):
    result, _ = report
    page, table = opened.page, result.predictions
    page.select_option("#curve-class", "1")
    assert page.locator("#curve-class option:checked").inner_text() == "bee"
    own, scores = table.truth == 1, table.probabilities[:, 1]
    slider = page.locator("#threshold")
    ids = ["at-threshold", "at-sensitivity", "at-precision", "at-images"]
    first = page.inner_text("#at-threshold")
    slider.focus()
    seen = set()
    for key in ("Home", *["ArrowRight"] * 30, "End"):
        page.keyboard.press(key)
        shown = page.evaluate("ids => ids.map(id => document.getElementById(id).innerText)", ids)
        threshold, sensitivity, precision, images = shown
        # The threshold is rounded in the text; the number of images says where it is.
        n = int(images.split()[0])
        taken = scores >= np.sort(scores)[-n]
        assert images == f"{count_text(int(taken.sum()), 'image')}"
        assert float(threshold) == pytest.approx(scores[taken].min(), abs=5e-5)
        assert sensitivity == f"{100 * recall_score(own, taken):.1f} %"
        assert precision == f"{100 * precision_score(own, taken):.1f} %"
        seen.add(threshold)
    assert len(seen) > 20
    assert first in seen or float(first) > 0.3


def test_tables_are_sorted_by_a_click(opened, report):
    result, _ = report
    page = opened.page
    heads = page.locator("#classes th button")
    heads.nth(1).click()
    counts = [int(text) for text in opened.texts("#classes tbody tr td:nth-child(2)")]
    assert counts == sorted(row["support"] for row in result.per_class)
    heads.nth(1).click()
    assert [int(text) for text in opened.texts("#classes tbody tr td:nth-child(2)")] == counts[::-1]
    assert page.locator("#classes th").nth(1).get_attribute("aria-sort") == "descending"
    heads.nth(0).click()
    assert opened.texts("#classes tbody tr td:first-child") == SIX


def test_a_strategy_is_chosen_and_all_that_shows_predictions_shows_its_own(browser, tmp_path):
    result = drawn_comparison()
    write_report(result, tmp_path / "report.html", command="featx compare photos/")
    found = Opened(browser, tmp_path / "report.html")
    page, strategies = found.page, result.sizes[0].strategies
    for number in (0, 1):
        page.locator("select.model").nth(number).select_option(str(number))
        table = strategies[number].predictions
        wrong = table.take(np.flatnonzero(table.truth != table.answers))
        order = np.argsort(-wrong["probability"], kind="stable")
        assert shown_paths(page) == [str(name) for name in wrong.names[order]]
        assert found.texts("#confusion h3:visible") == [strategies[number].strategy]
        assert f"as predicted by {strategies[number].strategy}" in page.inner_text("#shown")
        cell = page.locator(".of-model:visible .cell[data-true='0'][data-predicted='0']")
        assert cell.inner_text() == str(strategies[number].confusion[0, 0])
    page.locator("#gallery button").first.click()
    facts = dict(line.split("\n") for line in found.texts("#detail-facts > div"))
    assert {one.strategy for one in strategies} < set(facts)
    assert found.messages == found.asked_for() == []
    found.close()


@pytest.fixture(scope="module")
def pages(report, tmp_path_factory):
    """Return the page of each kind of result."""
    folder = tmp_path_factory.mktemp("pages")
    write_report(drawn_comparison(), folder / "comparison.html")
    write_report(audit_of(folder), folder / "audit.html")
    return {"model": report[1], "comparison": folder / "comparison.html", "audit": folder / "audit.html"}


@pytest.mark.parametrize(
    ("kind", "width", "scheme"), [("model", 1280, "light"), ("comparison", 390, "dark"), ("audit", 390, "light")]
)
def test_it_is_accessible_and_fits_the_screen(browser, pages, kind, width, scheme):
    found = Opened(browser, pages[kind], width=width, scheme=scheme)
    assert found.violations() == []
    for narrow in (390, width):
        found.page.set_viewport_size({"width": narrow, "height": 900})
        assert found.page.evaluate("document.documentElement.scrollWidth") == narrow
    assert found.messages == found.asked_for() == []
    if kind == "audit":
        widths = "images => images.map(image => image.naturalWidth)"
        assert set(found.page.eval_on_selector_all("#pairs img", widths)) == {16}
        # axe-core does find something where there is something.
        found.page.evaluate("document.querySelector('main').innerHTML = '<select><option>a</option></select>'")
        assert "select-name" in {rule for rule, _ in found.violations()}
    found.close()


def test_it_is_printed_with_all_its_sections(opened):
    data = opened.page.pdf(format="A4", print_background=True)
    assert data.startswith(b"%PDF")
    assert 2 <= data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") <= 12
    opened.page.emulate_media(media="print")
    assert opened.page.locator("section:visible").count() == opened.page.locator("section").count()
    assert not opened.page.locator(".controls").first.is_visible()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_nothing_in_a_name_runs(browser, tmp_path):
    names = [f"{HOSTILE[i % 6]}/{i} {HOSTILE[(i + 1) % 6]}" for i in range(120)]
    result = drawn_result(120, HOSTILE, names=names)
    result.notes = [*result.notes, HOSTILE[0]]
    write_report(result, tmp_path / "report.html", dataset=images_of(result), command=HOSTILE[0], title=HOSTILE[1])
    found = Opened(browser, tmp_path / "report.html")
    page = found.page
    page.locator("#matrix .cell").first.click()
    page.locator("#gallery button").first.click()
    page.keyboard.press("Escape")
    page.select_option("#curve-class", "1")
    page.locator("#classes th button").first.click()
    page.wait_for_timeout(100)
    assert found.messages == found.asked_for() == []
    assert page.locator("script").count() == 2
    assert page.locator("img[src=x], svg[onload]").count() == 0
    heads = found.texts("#matrix tbody th bdi")
    assert heads[:3] == HOSTILE[:3]
    assert heads[3] == "\\u202eevil\\u2066"
    assert heads[4] == "two\\nlines\\r\\ttab\\u2028"
    # Were the policy all that holds, it would hold.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title = 1\">')")
    page.wait_for_timeout(100)
    assert page.title() != "1"
    assert any("Content Security Policy" in message for message in found.messages)
    found.close()
