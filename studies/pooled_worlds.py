"""Comparisons of searchers on several drawn worlds, pooled: ratios to the first searcher.

    python studies/pooled_worlds.py runs/compare-0 runs/compare-1 runs/compare-2

Each folder is that of `nasasr search compare` on another completed table
(`studies/completed_table.py`), with the same searchers and repeats. A ratio divides the means
over all worlds and repeats. Its 95 % interval draws worlds with replacement, and paired repeats in
each world. The last column has the ratio of every world.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import UserError

BOOTSTRAPS = 2000

Values = dict[tuple[str, str], np.ndarray]
"""(metric, searcher) -> (repeats,) values of a world."""


def read_world(folder: Path) -> Values:
    """The scores of a comparison, by metric and searcher."""
    path = folder / "scores.parquet"
    if not path.is_file():
        raise UserError(f"{folder} must be a folder of `nasasr search compare`, but has no scores")
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in pq.read_table(path).to_pylist():
        found.setdefault((row["metric"], row["searcher"]), {})[row["repeat"]] = row["value"]
    return {name: np.array([of[r] for r in sorted(of)]) for name, of in found.items()}


def pooled_ratio(
    ones: Sequence[np.ndarray], others: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Ratio of the means of two searchers over worlds, and the ends of its interval.

    Args:
        ones: (worlds,) values of a searcher, (repeats,) each.
        others: those of the other, of the same repeats.
        rng: source of the bootstrap.
    """

    def ratio(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
        return float(sum(of.mean() for of in a) / sum(of.mean() for of in b))

    draws = []
    for _ in range(BOOTSTRAPS):
        worlds = rng.integers(len(ones), size=len(ones))
        rows = [rng.integers(len(ones[w]), size=len(ones[w])) for w in worlds]
        pairs = list(zip(worlds, rows, strict=True))
        draws.append(ratio([ones[w][r] for w, r in pairs], [others[w][r] for w, r in pairs]))
    low, high = np.quantile(draws, [0.025, 0.975]).tolist()
    return ratio(ones, others), low, high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="comparisons, two or more")
    parser.add_argument("--reference", default="guided")
    options = parser.parse_args()
    try:
        worlds = [read_world(folder) for folder in options.folders]
        names = set.intersection(*(set(world) for world in worlds))
        metrics = sorted({metric for metric, _ in names if not metric.startswith("epochs")})
        if (metrics[0], options.reference) not in names:
            raise UserError(f"every comparison must have {options.reference!r}; name another one")
    except UserError as e:
        sys.exit(f"error: {e}")
    print(
        "| metric | searcher | median | reference / this | in each world |\n|---|---|---|---|---|"
    )
    for metric in metrics:
        ones = [world[metric, options.reference] for world in worlds]
        for searcher in sorted({of for name, of in names if name == metric}):
            others = [world[metric, searcher] for world in worlds]
            value, low, high = pooled_ratio(ones, others, np.random.default_rng(0))
            each = " ".join(f"{a.mean() / b.mean():.2f}" for a, b in zip(ones, others, strict=True))
            median = np.median(np.concatenate(others))
            print(
                f"| {metric} | {searcher} | {median:.4g} | {value:.2f} ({low:.2f} to {high:.2f}) "
                f"| {each} |"
            )


if __name__ == "__main__":
    main()
