"""`featx audit`: look for near-duplicates, leaks, wrong labels, odd images and shortcuts in a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..heads.head_names import HEADS, check_heads
from .checks import check_names
from .data_options import data_options, datasets_from
from .logs import announce
from .option_groups import HEAD_OPTIONS, JUDGING, OUTPUT, Command, in_group
from .options import (
    dry_run_option,
    json_option,
    network_options,
    reading_options,
    report_option,
    test_option,
    transformer_from,
    write_failures,
)
from .output_files import check_output, check_outputs
from .report import note, print_forecast
from .results import print_result, save_report

__all__ = ["audit"]


SUMMARY = "Look for leaks, wrong labels, odd images and shortcuts."
# The exit code of --strict where something was found.
FOUND = 1

_heads, _judging, _output = map(in_group, (HEAD_OPTIONS, JUDGING, OUTPUT))


@click.command(cls=Command, options_metavar="[OPTIONS]", short_help=SUMMARY)
@click.argument("data")
@_heads("--head", type=click.Choice(list(HEADS)), default="logistic", show_default=True, metavar="HEAD",
        help=f"The head that judges labels: one of {', '.join(HEADS)}.")  # fmt: skip
@_judging("--cv", type=click.IntRange(min=2), default=5, show_default=True, metavar="N",
          help="Folds of the cross-validation that judges labels.")  # fmt: skip
@_judging("--count-similar", is_flag=True,
          help="Count similar pictures whose detail differs as near-duplicates.")  # fmt: skip
@test_option
@_output("--write-groups", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.csv",
         help="Write a manifest in which near-duplicates share a group.")  # fmt: skip
@_output("--strict", is_flag=True, help="End with exit code 1 if anything is found.")
@report_option
@json_option
@data_options
@network_options(several=False)
@reading_options
@dry_run_option
def audit(data: str, dry_run: bool, **options: Any) -> None:
    """Look for what makes DATA unsound: leaks, wrong labels, odd images and shortcuts.

    Near-duplicates are copies, also re-encoded, resized, cropped, mirrored or made brighter. Nothing is changed.
    Images that cannot be read are listed, whatever --on-error is.

    {DATA}

    \b
    Examples:
        featx audit sample:digits
    Your own folder; and groups that keep near-duplicates on one side:
        featx audit photos/
        featx audit photos/ --write-groups groups.csv
    Fail in a pipeline if anything is found:
        featx audit photos/ --strict --json audit.json
    """
    options["on_error"] = "skip"  # as unreadable images are part of what is found
    check_outputs(None, options)
    if options["write_groups"]:
        from ..audit.result import check_groups_file

        check_output(options["write_groups"])
        check_groups_file(options["write_groups"])
    check_names(options)
    check_heads([options["head"]], {})
    dataset, test = datasets_from(options, data)
    if options["write_groups"]:
        check_groups_file(options["write_groups"], *(one for one in (dataset, test) if one is not None))
    announce(options, "loading scikit-learn")
    from ..audit.audit import audit_dataset
    from ..images.failures import Failure
    from ..reports.audit import audit_parts

    transformer = transformer_from(options)
    judging = {
        "test": test,
        "head": options["head"],
        "cv": options["cv"],
        "random_state": options["seed"],
        "n_jobs": options["n_jobs"],
    }
    if dry_run:
        from ..forecast.audit import forecast_audit

        print_forecast(forecast_audit(dataset, transformer, **judging), options)
        return
    result = audit_dataset(
        dataset, transformer, **judging, count_similar=options["count_similar"], verbose=not options["quiet"]
    )
    if options["write_groups"]:
        result.write_groups(options["write_groups"])
    if options["failures"]:
        names, odd = result.dataset.names, [one for one in result.odd if one.kind == "unreadable"]
        write_failures(options, [Failure(one.row, names[one.row], one.text) for one in odd])
    save_report(options, result, None)
    print_result(options, result, audit_parts(result))
    if options["write_groups"]:
        note(options, f"{options['write_groups']}: manifest with groups written")
    if options["strict"] and result.found:
        sys.exit(FOUND)
