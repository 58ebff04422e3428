"""What a search found, and whether it holds on divisions that did not choose it."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.errors import UserError
from surrogate.benchmark.source import load_source
from surrogate.targets import FloatArray
from surrogate.tuning.config import TuneConfig, Value
from surrogate.tuning.objective import held_out_taus, training_keys
from surrogate.tuning.study import fold_taus, refusal

if TYPE_CHECKING:
    import optuna

SUMMARY_FILE, BEST_FILE = "summary.json", "best.toml"

_ENOUGH_FOR_IMPORTANCES = 8
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
        config_hash: sha256 of all that a trial depends on but the labels.
        default: settings of the first trial, those that were searched.
        best: settings of the best trial.
        default_tau: what the default reached in the search.
        best_tau: what the best reached there, and was chosen for.
        confirmed_default_tau: the default on further divisions.
        confirmed_best_tau: the best on the same.
        gain: mean difference of these two over the held-out parts.
        gain_error: its standard error, corrected for training keys that the parts share.
        importances: share of each setting in how good trials differ from all (PED-ANOVA); empty
            where there are too few completed trials to say, or all are alike.
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
    config_hash: str
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

    trials = study.get_trials()
    states = Counter(trial.state for trial in trials)
    refused = [reason for trial in trials if (reason := refusal(trial)) is not None]
    if not states[TrialState.COMPLETE]:
        why = f"the first: {refused[0]}" if refused else "run it again to go on"
        raise UserError(
            f"study {config.name!r} must have a completed trial, but has {len(refused)} refused "
            f"and {states[TrialState.PRUNED]} pruned ones; {why}"
        )
    best = study.best_trial
    source = load_source(config)
    dataset = training_keys(source, config)

    def taus(settings: dict[str, Value], first: int, repeats: int) -> FloatArray:
        make = partial(config.make_predictor, settings)
        return np.array([*held_out_taus(dataset, make, config, range(first, first + repeats))])

    complete = (trial for trial in trials if trial.state == TrialState.COMPLETE)
    searched = next((fold_taus(t) for t in complete if t.params == config.defaults), None)
    if searched is None:  # a kill took the first trial
        searched = [*taus(config.defaults, 0, config.repeats)]
    of_default = taus(config.defaults, config.repeats, config.confirm_repeats)
    of_best = taus(best.params, config.repeats, config.confirm_repeats)
    return TuneSummary(
        name=config.name,
        predictor=config.predictor,
        source=source.name,
        target=config.target,
        keys=len(dataset),
        complete=states[TrialState.COMPLETE],
        pruned=states[TrialState.PRUNED],
        failed=len(refused),
        config_hash=config.hash,
        default=config.defaults,
        best=dict(best.params),
        default_tau=float(np.mean(searched)),
        best_tau=float(np.mean(fold_taus(best))),
        confirmed_default_tau=float(of_default.mean()),
        confirmed_best_tau=float(of_best.mean()),
        gain=float((of_best - of_default).mean()),
        gain_error=corrected_error(of_best - of_default, config.folds),
        importances=_importances(study),
        versions=_versions(),
    )


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

    >>> round(corrected_error(np.array([0.0, 2.0]), folds=2), 6)
    1.732051
    """
    variance = differences.var(ddof=1)
    return float(np.sqrt((1 / len(differences) + 1 / (folds - 1)) * variance))


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
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < _ENOUGH_FOR_IMPORTANCES or len({trial.value for trial in complete}) == 1:
        return {}
    found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return {name: float(share) for name, share in found.items()}


def _toml(table: dict[str, Any], name: str) -> str:
    """A table of plain values and further tables as TOML."""
    # None, which TOML cannot say, is only ever a default: what is left out becomes it.
    given = {key: value for key, value in table.items() if value is not None}
    plain = {key: value for key, value in given.items() if not isinstance(value, dict)}
    # JSON's strings, numbers and booleans are TOML's.
    lines = [f"\n[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items())]
    inner = [_toml(value, f"{name}.{key}") for key, value in given.items() if key not in plain]
    return "\n".join(lines) + "\n" + "".join(inner)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
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
