"""The order of the examples within a section of the gallery, and how their pictures are saved."""

from __future__ import annotations

from typing import Any

# The studies as docs/studies.md has them; the tasks in the order of the work.
ORDER = [
    "plot_flowers_over_sizes.py",
    "plot_scratch_or_pretrained.py",
    "plot_svm_or_finetuning.py",
    "plot_keras_walkthrough.py",
    "plot_vgg16_logistic_regression.py",
    "plot_four_cases.py",
    "plot_audit_planted_faults.py",
    "plot_groups.py",
    "plot_rank_networks.py",
    "plot_compare_and_report.py",
    "plot_operating_point.py",
    "plot_images_in_a_table.py",
]


def order(name: str) -> int:
    """Return the place of an example; what examples share, which is on no page, comes last."""
    return ORDER.index(name) if name in ORDER else len(ORDER)


def whole_pictures(gallery_conf: dict[str, Any], name: str) -> None:
    """Save figures as notebooks do, with what lies beyond the edge, such as a long title."""
    import matplotlib

    matplotlib.rcParams["savefig.bbox"] = "tight"
