"""Settings that searches found, judged on every source, and not only where they were found.

nasasr tune configs/tune/xgb.toml --out runs/tune-xgb
nasasr tune configs/tune/xgb-nb201.toml --out runs/tune-xgb-nb201
python studies/tuned_elsewhere.py --found xgb xgb-nb201 --on xgb xgb-nb201

A name is that of a study: its file is configs/tune/NAME.toml, its result the best settings of
configs/tune/results/NAME.json. Prints, for each source and result, the mean difference of
Kendall tau to the defaults on the keys that the search on that source saw, with its standard
error; their labels are those that the source has now. Predictors are as they ship, without what
made the search cheaper; the divisions are other ones than those of the searches. On the keys that
chose it a result keeps some of that advantage, and elsewhere it has none.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding.common.errors import UserError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import load_source
from surrogate.data.targets import FloatArray
from surrogate.data.tuning_keys import searched_keys
from surrogate.tuning import TuneConfig, load_tune_config
from surrogate.tuning.objective import held_out_tau

STUDIES = Path(__file__).parents[1] / "configs" / "tune"

FIRST_DIVISION = 10
"""Searches of the shipped files use those of lower numbers."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--found", nargs="+", required=True, help="studies whose results count")
    parser.add_argument("--on", nargs="+", required=True, help="studies whose keys judge them")
    parser.add_argument("--repeats", type=int, default=4, help="divisions into folds")
    options = parser.parse_args()
    found = {
        name: json.loads((STUDIES / "results" / f"{name}.json").read_text(encoding="utf-8"))["best"]
        for name in options.found
    }
    print("judged on\tfound on\tdefault tau\tgain\terror")
    for name in options.on:
        config = load_tune_config(STUDIES / f"{name}.toml")
        config = config.model_copy(update={"search_settings": {}})
        dataset = searched(load_source(config).dataset, STUDIES / "results" / f"{name}.json")
        first = FIRST_DIVISION * config.folds
        parts = range(first, first + options.repeats * config.folds)
        default = taus(dataset, config, {}, parts)
        for other, settings in found.items():
            gains = taus(dataset, config, settings, parts) - default
            error = corrected_error(gains, config.folds)
            row = f"{name}\t{other}\t{default.mean():.4f}\t{gains.mean():+.4f}\t{error:.4f}"
            print(row, flush=True)


def taus(
    dataset: SurrogateDataset, config: TuneConfig, settings: dict[str, Any], parts: range
) -> FloatArray:
    """Kendall tau of each held-out part."""
    make = config.make_predictor
    return np.array([held_out_tau(dataset, make(settings), config, part) for part in parts])


def searched(dataset: SurrogateDataset, summary: Path) -> SurrogateDataset:
    """The keys that a search saw: a draw of today would take others where the source has grown.

    Those that the source has no longer are left out, and told on stderr.

    Raises:
        UserError: if the source has none of them.
    """
    row_of = {key: row for row, key in enumerate(dataset.keys)}
    keys = searched_keys(summary)
    rows = sorted(row_of[key] for key in keys if key in row_of)
    if not rows:
        raise UserError(
            f"a source must have keys of {summary}, but has none of its {len(keys)}; take the "
            "source of that search"
        )
    if len(rows) < len(keys):
        print(f"{summary.stem}: {len(rows)} of {len(keys)} keys are still there", file=sys.stderr)
    return dataset.subset(rows)


def corrected_error(differences: FloatArray, folds: int) -> float:
    """Standard error of a mean difference over held-out parts.

    Args:
        differences: (n,) one for each held-out part of one or more divisions; n >= 2.
        folds: parts of a division.

    Returns:
        sqrt((1 / n + 1 / (folds - 1)) * variance); the second term, held-out keys over training
        keys, is for the training keys that all fits share.

    Source: Nadeau and Bengio, "Inference for the generalization error", 2003: the corrected
        resampled t-test.
    """
    variance = differences.var(ddof=1)
    return float(np.sqrt((1 / len(differences) + 1 / (folds - 1)) * variance))


if __name__ == "__main__":
    main()
