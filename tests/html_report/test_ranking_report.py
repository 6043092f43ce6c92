"""Promised: the page of a ranking says which network to use, and shows every candidate with its costs."""

from featx.html_report.candidates import MOST_DRAWN
from featx.html_report.ranking_report import ranking_content
from featx.html_report.report_file import write_report
from featx.ranking.resolution import Resolution
from rankings import candidate, ranking


def test_the_page_has_the_answer_the_candidates_and_the_costs(tmp_path):
    hostile = candidate("a <b>", 0.91, 3.0)
    few = Resolution(n_images=100, difference=0.08, multiple=4.0, images_of_a_unit=1.0)
    result = ranking([*ranking().candidates, hostile], warnings=["none beats chance"], resolution=few)
    write_report(result, tmp_path / "r.html", title="Which", command="featx rank")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Use efficientnet_lite0, stage6, avgmax: right on 89.5 % (84.5-94.5), 20.0 s for 1,000 images." in text
    assert all(f'id="{name}"' in text for name in ("answer", "candidates", "curves", "provenance"))
    assert 'id="confusion"' not in text
    assert "a &lt;b&gt;" in text
    assert "<b>" not in text
    assert "3 of 4 candidates cannot be told from the best" in text
    assert "Warning: none beats chance." in text
    assert "told apart four times in five on these 100 images, by 2.5 points on all 1,000 (--images)" in text


def test_the_chart_has_a_dot_for_each_candidate_and_the_front():
    content, data = ranking_content(ranking(), title=None, command=None)
    assert content["title"] == "Networks for 1,000 images of 2 classes"
    assert content["curves"]["costs"]["svg"].count("<circle") == 3
    assert "line ideal" in content["curves"]["costs"]["svg"]
    assert [one["label"] for one in content["curves"]["costs"]["legend"]] == [
        "efficientnet_lite2", "efficientnet_lite0", "resnet18"
    ]  # fmt: skip
    assert data == {"classes": ["a", "b"], "images": None}
    many = [candidate(f"n{k}", 0.5 + k / 100, 1.0 + k, recommended=not k) for k in range(MOST_DRAWN + 2)]
    content, _ = ranking_content(ranking(many), title=None, command=None)
    assert content["candidates"]["parts"][0]["omitted"] == f"{MOST_DRAWN + 2}"
    assert len(content["candidates"]["parts"][0]["table"]["rows"]) == MOST_DRAWN + 2
