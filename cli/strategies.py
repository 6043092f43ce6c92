"""The strategies that `--strategy NAME=STRATEGY` and `--set NAME.PARAM=VALUE` describe: parsed, checked and made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..comparison.strategy_names import TRAINED_STRATEGIES, parse_named_strategy, parse_strategy
from .assignments import parse_assignment, parse_literal

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from ..extraction.transformer import CNNFeatureTransformer

__all__ = [
    "NamedStrategy",
    "check_networks",
    "make_strategies",
    "named_strategies",
    "shared_options",
    "studied_network",
]

# Parameters for which the word "none" is None, as it is in the options of these names.
NONE_WORDS = ("weights", "class_weight", "cache", "layer")
PER_CLASS = "per_class"


@dataclass(frozen=True)
class NamedStrategy:
    """A strategy as the command line describes it.

    Attributes
    ----------
    name, strategy : str
        They are equal where no name was given.
    settings : dict of str to object
        Its own parameters.
    per_class : int or None
        The most images of each class that it trains on.
    """

    name: str
    strategy: str
    settings: dict[str, Any]
    per_class: int | None = None


def named_strategies(strategies: Sequence[str], settings: Sequence[str]) -> list[NamedStrategy]:
    """Return the strategies with their settings; networks are checked by `check_networks`.

    Raises
    ------
    click.BadParameter
        If a setting is not of the form NAME.PARAM=VALUE.
    ParameterError
        If a strategy is unknown, two have the same name, a setting is of none of them, or its value is not accepted.
    """
    from ..constraints import check_values, integer
    from ..exceptions import ParameterError, nearest
    from ..finetuning.settings import ACCEPTED

    named: dict[str, str] = {}
    values = _parsed(settings)
    for name, strategy in map(parse_named_strategy, strategies):
        if named.setdefault(name, strategy) != strategy:
            raise ParameterError(f"got the name {name} for both {named[name]} and {strategy}", "Choose another name.")
    if unused := sorted(set(values) - set(named)):
        hint = nearest(unused[0], list(named)) or f"Add --strategy {unused[0]}."
        raise ParameterError(f"got a parameter of {unused[0]}, which is not among the strategies", hint)
    found = []
    for name, strategy in named.items():
        own = values.get(name, {})
        if (most := own.pop(PER_CLASS, None)) is not None:
            integer(2).check(f"{name}.{PER_CLASS}", most)
        if parse_strategy(strategy).method in TRAINED_STRATEGIES:
            with _naming(name, strategy):
                check_values(own, **ACCEPTED)
        found.append(NamedStrategy(name, strategy, own, most))
    return found


def check_networks(strategies: Sequence[NamedStrategy], options: dict[str, Any]) -> None:
    """Raise what the library would raise for networks, layers and stages of strategies with settings of their own.

    Raises
    ------
    FeatxError
    """
    from ..networks.network_names import check_network
    from .checks import check_trained_stages

    for each in strategies:
        method, values = parse_strategy(each.strategy), each.settings
        shared = {key: options[key] for key in ("layer", "pooling", "image_size")}
        shared["weights"] = None if options["weights"].lower() == "none" else options["weights"]
        chosen = {**shared, "layer": method.layer or options["layer"]}
        chosen |= TRAINED_STRATEGIES.get(method.method, {})
        chosen |= values
        if not set(values) & {"backbone", "trainable_stages", *shared}:
            continue  # the shared options are checked by themselves
        for backbone in [values["backbone"]] if "backbone" in values else options["backbone"]:
            with _naming(each.name):
                check_network(
                    backbone,
                    weights=chosen["weights"],
                    layers=[chosen["layer"]],
                    poolings=[chosen["pooling"]],
                    image_size=chosen["image_size"],
                )
                if "trainable_stages" in chosen and chosen.get("trainable_layers") is None:
                    check_trained_stages(backbone, chosen["trainable_stages"], layer=chosen["layer"])


def make_strategies(
    strategies: Sequence[NamedStrategy], transformers: Sequence[CNNFeatureTransformer]
) -> tuple[dict[str, BaseEstimator], dict[str, int]]:
    """Return the classifiers by name, and the most images of each class for those that have such a number.

    Where there are several backbones, a strategy without one of its own is made for each, and its name says which.
    """
    from ..comparison.strategies import make_strategy

    made: dict[str, BaseEstimator] = {}
    per_class: dict[str, int] = {}
    several = len(transformers) > 1
    own = [each for each in strategies if "backbone" in each.settings]
    pairs = [(each, transformer) for transformer in transformers for each in strategies if each not in own]
    for each, transformer in [*pairs, *((each, transformers[0]) for each in own)]:
        name = f"{each.name} on {transformer.backbone}" if several and each not in own else each.name
        with _naming(each.name, each.strategy):
            made[name] = make_strategy(each.strategy, transformer, parameters=each.settings)
        if each.per_class is not None:
            per_class[name] = each.per_class
    order = [each.name for each in strategies]
    if not several:
        made = {name: made[name] for name in order}
    return made, per_class


def studied_network(
    strategies: Sequence[NamedStrategy], transformers: Sequence[CNNFeatureTransformer]
) -> CNNFeatureTransformer | None:
    """Return the transformer whose stages are compared: of the first backbone, if a strategy uses it.

    Otherwise, or if that has no pretrained weights, it is that of the first strategy with a pretrained network; None if
    there is no such strategy.
    """
    from sklearn.base import clone

    from ..networks.architectures import SMALL_CNN

    first = transformers[0]
    if first.backbone != SMALL_CNN and any("backbone" not in each.settings for each in strategies):
        return first
    for each in strategies:
        if _weights(each, first.weights) is not None:
            known = set(first.parameters_of("embedding", "machine")) - {"layer"}
            own = {key: value for key, value in each.settings.items() if key in known}
            return clone(first).set_params(**own)
    return None


def shared_options(strategies: Sequence[NamedStrategy], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options as far as strategies without a network of their own use them, to be checked.

    Without such a strategy there is no backbone, and if all of them begin with random weights, there are no others.
    """
    sharing = [each for each in strategies if "backbone" not in each.settings]
    if not sharing:
        return {**options, "backbone": []}
    if all(_weights(each, options["weights"]) is None for each in sharing):
        return {**options, "weights": "none"}
    return options


@contextlib.contextmanager
def _naming(name: str, strategy: str = "") -> Iterator[None]:
    """Have errors begin with the name of a strategy, unless it is what the strategy is called anyway."""
    from ..exceptions import FeatxError

    try:
        yield
    except FeatxError as error:
        if name != strategy:
            error.message = f"strategy {name}: {error.message}"
        raise


def _weights(strategy: NamedStrategy, shared: Any) -> Any:
    """Return the weights of a strategy, which are the shared ones if it sets none."""
    method = TRAINED_STRATEGIES.get(parse_strategy(strategy.strategy).method, {})
    return {"weights": shared, **method, **strategy.settings}["weights"]


def _parsed(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the parameters in "NAME.PARAM=VALUE" texts; values are Python literals, or text."""
    settings: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, parameter, value = parse_assignment(
            text, option="--set", form="STRATEGY.PARAM=VALUE", example="finetuned.epochs=20"
        )
        settings.setdefault(name, {})[parameter] = _value(parameter, value)
    return settings


def _value(parameter: str, text: str) -> Any:
    if parameter in NONE_WORDS and text.lower() == "none":
        return None
    if parameter == "trainable_stages" and "," in text and text[0] not in "([":
        return text.split(",")
    return parse_literal(text)
