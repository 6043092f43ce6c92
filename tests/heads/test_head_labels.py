"""Promised: a head is called as it is spelled, and tables show a short name, different for different heads."""

from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featx.heads.head_labels import head_label, head_labels, head_name, is_named


def test_a_named_head_is_told_from_a_classifier():
    assert is_named("logistic")
    assert not is_named("sklearn.svm:SVC")
    assert not is_named(LogisticRegression())


def test_names_are_whole_and_labels_are_short():
    assert head_name("sklearn.svm:SVC") == "sklearn.svm:SVC"
    assert head_label("sklearn.svm:SVC") == "SVC"
    assert head_label("knn") == "knn"
    assert head_name(LogisticRegression(C=3)) == head_label(LogisticRegression(C=3)) == "LogisticRegression(C=3)"
    long = head_label(make_pipeline(PCA(50), LogisticRegression(max_iter=1000)))
    assert (len(long), long[-3:]) == (40, "...")


def test_heads_of_one_label_are_shown_in_full():
    assert head_labels(["a:Head", "b:Head", "c:Other"]) == {"a:Head": "a:Head", "b:Head": "b:Head", "c:Other": "Other"}
