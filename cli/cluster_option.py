"""The option --cluster: have joblib compute on other processes or machines until the command ends."""

from __future__ import annotations

import click

from .option_groups import COMPUTING, in_group

__all__ = ["cluster_option"]


def _compute_there(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        from ..exceptions import ParameterError
        from ..runtime.clusters import ClusterName, connected

        try:
            cluster = ClusterName.of(value)
        except ParameterError as error:  # options are not yet registered for their wording
            raise ParameterError(error.message.replace("cluster=", "--cluster "), error.next_step) from None
        ctx.with_resource(connected(cluster))


cluster_option = in_group(COMPUTING)(
    "--cluster",
    metavar="NAME",
    expose_value=False,
    callback=_compute_there,
    help="Forward images on loky:4 (processes), dask:tcp://HOST:PORT or ray:ADDRESS.",
)
