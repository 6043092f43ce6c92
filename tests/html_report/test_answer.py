"""Promised: the answer has the figures of the result, and the advice that they call for."""

from featx.html_report.answer import answer_of_model
from reported import drawn_result


def test_the_headline_has_the_accuracy_with_its_interval():
    result = drawn_result()
    found = answer_of_model(result, how="2 folds", candidates=[], finetuned=False)
    assert result.metrics["accuracy"].text() in found["headline"]
    right = sum(result.confusion_matrix[k][k] for k in range(6))
    assert found["sentences"][0].startswith(f"{right} of 240 images")
    assert "always answering" in found["sentences"][2].lower()
    assert any("fine-tuning" in step for step in found["next"])


def test_few_images_and_no_gain_are_said():
    few = answer_of_model(drawn_result(20, sure=0.0), how="", candidates=[], finetuned=True)
    assert any("interval of the accuracy" in step for step in few["next"])
    assert any("fewer than 10 tested" in step for step in few["next"])
    assert not any("fine-tuning" in step for step in few["next"])


def test_no_mistake_calls_for_new_images():
    found = answer_of_model(drawn_result(sure=50.0), how="", candidates=[], finetuned=False)
    assert found["next"] == [
        "No mistake was made on these images: judge the model on new ones, from another day or place."
    ]
