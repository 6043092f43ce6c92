"""`featx backbones`: list the networks that --backbone takes, and their stages."""

from __future__ import annotations

import click

from .logs import announce
from .report import show

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
    from ..reports.listings import backbone_parts, stage_parts

    if stages is not None:
        announce({"quiet": False}, f"looking for the stages of {stages}")
    show(backbone_parts() if stages is None else stage_parts(stages))
