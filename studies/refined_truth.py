"""Rows of refined truth for `nasasr search compare`, and how well they order the best functions.

    python studies/refined_truth.py TABLE --out configs/search/timit-micro-truth.parquet

TABLE is built from the shards of a campaign and of its refined cells, copied into one folder. A row
has the mean of the seeds that no search sees, if there are any, weighted with a forecast that was
fitted without the function, as in the truth of comparisons. The reliability is that of a posterior:
true means are drawn from the rows and compared with their means.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import UserError
from surrogate.comparison.fit_result import write_rows
from surrogate.data.targets import TARGETS
from surrogate.metrics.ranking import kendall_tau
from surrogate.predictors import PREDICTORS
from surrogate.search import SearchSpace, Truth, interim_truth
from train_benchmark.table.benchmark_table import BenchmarkTable

SHARES = (0.01, 0.05)
DRAWS = 200
NEAR = 0.003
"""Regret of functions that are counted as almost the best."""


@dataclass(frozen=True)
class Reliability:
    """How well a truth knows the best share of its functions, mean over draws of true means.

    Attributes:
        functions: number of functions in the share.
        kendall_tau: between their means and the drawn true means.
        kept: fraction of them that are also in the share by the drawn true means.
        regret: true regret of the function with the lowest mean.
    """

    functions: int
    kendall_tau: float
    kept: float
    regret: float


def reliability(truth: Truth, share: float, rng: np.random.Generator) -> Reliability:
    """Compare a truth with true means drawn from normal distributions around its means."""
    keys = [row.key for row in truth.rows]
    best = truth.best(share)
    rows = np.array([key in best for key in keys])
    means = np.array([truth.cost_of[key] for key in keys])
    sems = np.array([row.sem for row in truth.rows])
    taus, kept, regrets = [], [], []
    for _ in range(DRAWS):
        drawn = rng.normal(means, sems)
        taus.append(kendall_tau(means[rows], drawn[rows]))
        kept.append(rows[np.argsort(drawn)[: len(best)]].mean())
        regrets.append(drawn[np.argmin(means)] - drawn.min())
    return Reliability(len(best), *(float(np.mean(values)) for values in (taus, kept, regrets)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="name or folder of a table")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--target", default="val_per")
    parser.add_argument("--seen-seeds", default="1234", help="seeds of searches, with commas")
    parser.add_argument("--fewest-seeds", type=int, default=5, help="unseen seeds of a refined row")
    options = parser.parse_args()
    try:
        truth = interim_truth(
            BenchmarkTable.load(options.table),
            TARGETS.get(options.target),
            SearchSpace(),
            seen_seeds=[int(seed) for seed in options.seen_seeds.split(",")],
            predictor=PREDICTORS.get("xgb")(),
        )
        refined = sum(row.n_seeds >= options.fewest_seeds for row in truth.rows)
        if not refined:
            raise UserError(
                f"table {options.table!r} must have functions with {options.fewest_seeds} unseen "
                "seeds, but has none; collect more seeds or lower --fewest-seeds"
            )
        # All of them: rows of two truths, each with seed effects and forecasts of its own, would
        # not be comparable.
        write_rows(list(truth.rows), options.out)
    except UserError as e:
        sys.exit(f"error: {e}")
    print(f"{len(truth.rows)} rows, {refined} of them refined; digest {truth.digest[:12]}")
    near = sum(truth.regret(row.key) < NEAR for row in truth.rows)
    print(f"{near} functions lie within {NEAR} of the best")
    print("| best | functions | tau | kept | regret of the pick |")
    print("|---|---|---|---|---|")
    for share in SHARES:
        found = reliability(truth, share, np.random.default_rng(0))
        print(
            f"| {share:.0%} | {found.functions} | {found.kendall_tau:.2f} | {found.kept:.2f} | "
            f"{found.regret:.4f} |"
        )


if __name__ == "__main__":
    main()
