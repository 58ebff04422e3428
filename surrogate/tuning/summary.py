"""What a search found, and whether it holds on divisions that did not choose it."""

import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.errors import UserError
from surrogate.benchmark.source import load_source
from surrogate.tuning.config import TuneConfig, Value
from surrogate.tuning.objective import held_out_taus, training_keys

if TYPE_CHECKING:
    import optuna

SUMMARY_FILE, BEST_FILE = "summary.json", "best.toml"

_VERSIONED = ("nasasr", "numpy", "optuna", "xgboost-cpu", "xgboost", "lightgbm", "torch")


@dataclass(frozen=True)
class TuneSummary:
    """The result of a study; every tau is over held-out training keys, higher is better.

    Attributes:
        name: name of the study.
        predictor: whose settings were searched.
        source: where the keys come from.
        target: label that was ranked.
        keys: keys that the search saw.
        complete: trials judged on all parts.
        pruned: trials given up for being worse than the median.
        failed: trials whose settings could not be had.
        default: settings of the first trial, those that were searched.
        best: settings of the best trial.
        default_tau: what the default reached in the search.
        best_tau: what the best reached there, and was chosen for.
        confirmed_default_tau: the default on further divisions.
        confirmed_best_tau: the best on the same.
        gain: mean difference of these two over the held-out parts.
        gain_error: its standard error. Parts of one division share training keys, so that it
            is a little too small.
        importances: share of each setting in how good trials differ from all (PED-ANOVA); empty
            where there are too few trials to say.
        versions: versions of what can change the numbers.
    """

    name: str
    predictor: str
    source: str
    target: str
    keys: int
    complete: int
    pruned: int
    failed: int
    default: dict[str, Value]
    best: dict[str, Value]
    default_tau: float
    best_tau: float
    confirmed_default_tau: float
    confirmed_best_tau: float
    gain: float
    gain_error: float
    importances: dict[str, float]
    versions: dict[str, str]


def summarise_study(study: "optuna.Study", config: TuneConfig) -> TuneSummary:
    """Compare the best settings with the default ones on divisions that are new to both.

    Raises:
        UserError: if no trial was completed.
    """
    from optuna.trial import TrialState

    trials = {state: study.get_trials(states=(state,)) for state in TrialState}
    complete = trials[TrialState.COMPLETE]
    if not complete:
        raise UserError(
            f"study {config.name!r} must have a completed trial, but all of "
            f"{len(study.trials)} failed or were pruned; look at the ranges of its space"
        )
    default = {name: config.default(name) for name in config.space}
    first = next((trial for trial in complete if trial.params == default), complete[0])
    best = study.best_trial
    source = load_source(config)
    dataset = training_keys(source, config)
    further = range(config.repeats, config.repeats + config.confirm_repeats)
    taus = {
        name: np.array(
            [*held_out_taus(dataset, partial(config.make_predictor, of), config, further)]
        )
        for name, of in (("default", default), ("best", best.params))
    }
    difference = taus["best"] - taus["default"]
    return TuneSummary(
        name=config.name,
        predictor=config.predictor,
        source=source.name,
        target=config.target,
        keys=len(dataset),
        complete=len(complete),
        pruned=len(trials[TrialState.PRUNED]),
        failed=len(trials[TrialState.FAIL]),
        default=default,
        best=dict(best.params),
        default_tau=float(first.value or np.nan),
        best_tau=float(best.value or np.nan),
        confirmed_default_tau=float(taus["default"].mean()),
        confirmed_best_tau=float(taus["best"].mean()),
        gain=float(difference.mean()),
        gain_error=float(difference.std(ddof=1) / np.sqrt(len(difference))),
        importances=_importances(study),
        versions=_versions(),
    )


def write_summary(summary: TuneSummary, config: TuneConfig, out: Path) -> Path:
    """Write the summary as JSON, and the best settings as a file for `nasasr fit --config`.

    Returns:
        The latter's path.
    """
    _write(out / SUMMARY_FILE, json.dumps(asdict(summary), indent=2) + "\n")
    head = (
        f"# Found by study {summary.name!r}: tau {summary.confirmed_best_tau:.4f} against "
        f"{summary.confirmed_default_tau:.4f} of the defaults.\n"
        f"predictor = {json.dumps(config.predictor)}\n"
    )
    settings = _toml(config.plain_settings(summary.best), "settings")
    _write(out / BEST_FILE, head + settings)
    return out / BEST_FILE


def _importances(study: "optuna.Study") -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    try:
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    except (ValueError, RuntimeError):  # fewer trials than it needs, or all alike
        return {}
    return {name: float(share) for name, share in found.items()}


def _toml(table: dict[str, Any], name: str) -> str:
    """A table of plain values and further tables as TOML."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    # JSON's strings, numbers and booleans are TOML's.
    lines = [f"\n[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items())]
    inner = [_toml(value, f"{name}.{key}") for key, value in table.items() if key not in plain]
    return "\n".join(lines) + "\n" + "".join(inner)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text)
    os.replace(temporary, path)


def _versions() -> dict[str, str]:
    found = {}
    for package in _VERSIONED:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # xgboost comes under two names, and extras may be missing
    return found
