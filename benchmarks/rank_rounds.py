"""Successive elimination on unlike networks: what it saves, how often it removes the best one, what it can tell.

    python benchmarks/rank_rounds.py digits                     # the sources are those of rank.py
    python benchmarks/rank_rounds.py clothes FOLDER
    python benchmarks/rank_rounds.py clothes FOLDER --noise 1   # eight equally good candidates
    python benchmarks/rank_rounds.py clothes FOLDER --noise 1 --step 0.25   # each with more noise than the one before

The networks: `efficientnet_lite0` up to four of its stages, `efficientnet_lite1`, and two with random weights, as a
network is that was trained for something else. With noise, the candidates are the embeddings of one network, each with
noise of its own. In each draw the rule of `rank_backbones` is followed round by round, with a classifier by ridge
regression (see rank_level.py) and three repeats of the cross-validation. The best is the one that is most accurate on
other images, over all draws. Differences that a ranking says it finds four times in five are compared with those that
were found: a candidate that is behind by x times that difference is found with a probability that depends on x alone.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
from rank import data_of
from rank_level import FOLDS, OTHERS, cross_validated, kernel, predict, standardised
from scipy.stats import norm

from featx import CNNFeatureTransformer
from featx.ranking.plan import REPEATS
from featx.ranking.resolution import resolution_of
from featx.ranking.speed import TIMED_PASSES
from featx.ranking.subsample import draw_rounds, round_sizes
from featx.ranking.undistinguished import compare_with_best

NETWORKS = {
    "efficientnet_lite0": ("DEFAULT", ["stage2", "stage4", "stage6", "head"]),
    "efficientnet_lite1": ("DEFAULT", ["stage6", "head"]),
    "mobilenet_v3_small": (None, ["features.12"]),
    "mobilenet_v2": (None, ["features.18"]),
}
LEVEL = 0.05


def embeddings(parts: list, pool: int) -> dict[str, np.ndarray]:
    """Return the embeddings of each candidate, by its network and layer."""
    found = {}
    for name, (weights, layers) in NETWORKS.items():
        others = [(layer, "avg") for layer in layers[1:]]
        network = CNNFeatureTransformer(name, weights=weights, layer=layers[0], pooling="avg", prefetch=others)
        rows = [network.extract(network.sources(each.images, each.names)).embeddings for each in parts]
        found |= {f"{name} {layer}": np.concatenate(each)[:pool] for layer, *each in zip(layers, *rows, strict=True)}
    return found


def simulate(given: argparse.Namespace) -> None:
    """Print what became of each candidate, and how well differences were told."""
    parts = data_of(given.name, given.sources)
    y = np.unique(np.concatenate([np.asarray(each.labels) for each in parts]), return_inverse=True)[1][: given.pool]
    views = embeddings(list(parts), given.pool)
    if given.noise:
        X = standardised(views["efficientnet_lite1 stage6"])
        views = {f"noise-{k + 1} {given.noise + given.step * k:.2f}": X for k in range(8)}
    names, Y = list(views), np.eye(y.max() + 1)[y]
    left = max(given.images - TIMED_PASSES, given.images // 2)
    removed, accuracies = [Counter[int]() for _ in names], []
    passes, last, ratios, spent = [], [], [], []
    for draw in range(given.draws):
        rng = np.random.default_rng(draw)
        rounds = draw_rounds(y, round_sizes(left, cv=FOLDS), least=FOLDS, random_state=draw)
        rows = rounds[-1]
        others = rng.permutation(np.setdiff1d(np.arange(len(y)), rows))[:OTHERS]
        kernels = []
        for k, each in enumerate(views.values()):
            noise = given.noise + given.step * k
            of_it = each + noise * rng.normal(size=each.shape) if noise else each
            kernels.append(kernel(of_it))
        accuracies.append([(predict(each, Y, rows, others) == y[others]).mean() for each in kernels])
        active, total = list(range(len(names))), sum(map(len, rounds))
        forwarded = dict.fromkeys(name.split()[0] for name in names)
        for number, part in enumerate(rounds):
            forwarded |= dict.fromkeys((names[k].split()[0] for k in active), len(part))
            inner = [kernels[k][np.ix_(part, part)] for k in active]
            truth = np.unique(y[part], return_inverse=True)[1]
            right = [[cross_validated(K, truth, 1000 * draw + r) for r in range(REPEATS)] for K in inner]
            tests = compare_with_best(np.array(right, dtype=float).mean(axis=1), folds=FOLDS, random_state=draw)
            share = len(part) / total
            out = [k for k, p in zip(active, tests.p_values, strict=True) if p / share < LEVEL]
            for k in out:
                removed[k][number] += 1
            found = resolution_of(tests, LEVEL * share)
            if number == len(rounds) - 1 and found is not None:
                last.append((found.difference, active, [k in out for k in active]))
            active = [k for k in active if k not in out]
            if len(active) == 1:
                break
        spent.append(len(forwarded))
        passes.append(sum(forwarded.values()))
    truth = np.mean(accuracies, axis=0)
    best = int(truth.argmax())
    for k, name in enumerate(names):
        by_round = ", ".join(f"{removed[k][number] / given.draws:.2f}" for number in range(3))
        print(f"  {name}: accuracy {truth[k]:.3f}, removed in round 1, 2, 3: {by_round}")
    wrong = [sum(each.values()) / given.draws for each in removed]
    most = spent[0] * left
    print(f"the best is removed in {wrong[best]:.3f}; mean of all {np.mean(wrong):.3f}")
    print(f"passes: {np.mean(passes):.0f} of {most} ({np.mean(passes) / most:.2f}); {given.draws} draws", flush=True)
    # Differences in parts of that which is found four times in five.
    for difference, active, out in last:
        ratios += [((truth[best] - truth[k]) / difference, gone) for k, gone in zip(active, out, strict=True)]
    print("told in the last round, by the difference in parts of the one that is told four times in five:")
    ratios = np.array(ratios)
    for low, high in ((0.25, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 1.1), (1.1, 1.4), (1.4, 2.0)):
        inside = (ratios[:, 0] >= low) & (ratios[:, 0] < high)
        if inside.sum() >= 10:
            expected = norm.cdf(3.5 * (ratios[inside, 0] - 1) + norm.ppf(0.8)).mean()
            told = ratios[inside, 1].mean()
            print(f"  {low} to {high}: {told:.2f} of {inside.sum()} (about {expected:.2f} expected)")
    print(f"told four times in five: {np.median([each[0] for each in last]):.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["defect", "type", "digits", "clothes", "category", "kind", "vendor"])
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--step", type=float, default=0.0)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--pool", type=int, default=1500)
    parser.add_argument("--draws", type=int, default=40)
    simulate(parser.parse_args())
