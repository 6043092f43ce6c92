"""`featx backbones`: nothing in, the networks that --backbone takes out."""

from __future__ import annotations

import click

from .report import table

__all__ = ["backbones"]


@click.command()
@click.option("--stages", metavar="NAME", help="List the stages of one network, which --layer may name.")
def backbones(stages: str | None) -> None:
    """List the networks, with the width of their default embedding.

    timm:NAME works too, with the extra: pip install 'featx[timm]'.

    \b
    Example:
        featx backbones --stages efficientnet_lite0
    """
    from ..networks import list_backbones, stage_widths
    from ..stages import plan_of

    if stages is not None:
        rows = [[name, width] for name, width in stage_widths(stages).items()]
        click.echo(table(["stage", "features"], rows, right=[1]))
        return
    rows = []
    for name in list_backbones():
        plan = plan_of(name)
        rows.append([name, plan.width, plan.default_layer, plan.pooling])
    click.echo(table(["backbone", "features", "default layer", "pooling"], rows, right=[1]))
