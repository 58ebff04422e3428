"""The result of a search, compared with the defaults on keys that the search never saw."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.engines.engine import Engine
from surrogate.comparison.protocol import MIN_TEST_KEYS
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import load_source
from surrogate.data.tuning_keys import SUMMARY_FILE
from surrogate.jobs.provenance import versions
from surrogate.jobs.tasks import OnProgress, no_progress
from surrogate.tuning.config import TuneConfig, Value
from surrogate.tuning.confirmation import Confirmation, confirm
from surrogate.tuning.objective import confirmation_keys, held_out_tau, training_keys
from surrogate.tuning.study import fold_taus, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

BEST_FILE = "best.toml"

_ENOUGH_FOR_IMPORTANCES = 8


@dataclass(frozen=True)
class TuneSummary:
    """The result of a study; every tau is over keys that were held out, higher is better.

    Attributes:
        name: name of the study.
        predictor: the predictor whose settings were searched.
        source: where the keys come from.
        target: label that was ranked.
        keys: number of the keys that the search saw.
        searched: those keys, sorted: a benchmark can exclude them (`without_keys_of`).
        searched_sha256: hash of that list.
        complete: trials judged on all parts.
        pruned: trials stopped because they were worse than the median.
        failed: trials whose settings were refused.
        config_hash: sha256 of the settings that a trial depends on.
        default: default values of the searched settings.
        best: settings of the best trial.
        default_tau: tau of the default in the search.
        best_tau: tau of the best in the search, which selected it.
        confirmation: the keys of the confirmation, or why there is none.
        confirmed_default_tau: tau of the default on keys that the search never saw, with
            `search_settings` as in the search; None without confirmation, as the next three.
        confirmed_best_tau: tau of the best on the same keys.
        gain: the difference.
        gain_error: its standard error over the test keys; not over other training keys.
        importances: importance of each setting (PED-ANOVA); empty if too few trials were completed,
            or all values are equal.
        versions: versions of the packages that can change the numbers.
    """

    name: str
    predictor: str
    source: str
    target: str
    keys: int
    searched: tuple[str, ...]
    searched_sha256: str
    complete: int
    pruned: int
    failed: int
    config_hash: str
    default: dict[str, Value]
    best: dict[str, Value]
    default_tau: float
    best_tau: float
    confirmation: str
    confirmed_default_tau: float | None
    confirmed_best_tau: float | None
    gain: float | None
    gain_error: float | None
    importances: dict[str, float]
    versions: dict[str, str]


def summarise_study(
    study: "optuna.Study",
    config: TuneConfig,
    on_progress: OnProgress = no_progress,
    engine: Engine | None = None,
) -> TuneSummary:
    """Compare the best settings with the default ones on keys that the search never saw.

    Args:
        study: a search that has ended.
        config: its configuration.
        on_progress: called with the finished fits of the comparison and their number.
        engine: where those fits run; by default in this process.

    Raises:
        UserError: if no trial was completed.
    """
    from optuna.trial import TrialState

    trials = study.get_trials()
    states = Counter(trial.state for trial in trials)
    refused = [reason for trial in trials if (reason := refusal(trial)) is not None]
    if not states[TrialState.COMPLETE]:
        why = f"the first: {refused[0]}" if refused else "run it again to resume"
        raise UserError(
            f"study {config.name!r} must have a completed trial, but has {len(refused)} refused "
            f"and {states[TrialState.PRUNED]} pruned ones; {why}"
        )
    best = study.best_trial
    source = load_source(config)
    searched, unseen = training_keys(source, config), confirmation_keys(source, config)
    confirmed = confirm(searched, unseen, config, dict(best.params), engine, on_progress)
    return TuneSummary(
        name=config.name,
        predictor=config.predictor,
        source=source.name,
        target=config.target,
        keys=len(searched),
        searched=tuple(searched.keys),
        searched_sha256=content_hash(list(searched.keys)),
        complete=states[TrialState.COMPLETE],
        pruned=states[TrialState.PRUNED],
        failed=len(refused),
        config_hash=config.hash,
        default=config.defaults,
        best=dict(best.params),
        default_tau=_default_tau(trials, searched, config),
        best_tau=float(np.mean(fold_taus(best))),
        confirmation=_what_confirms(confirmed, len(unseen)),
        confirmed_default_tau=confirmed.default_tau if confirmed else None,
        confirmed_best_tau=confirmed.best_tau if confirmed else None,
        gain=confirmed.gain if confirmed else None,
        gain_error=confirmed.gain_error if confirmed else None,
        importances=_importances(study),
        versions=versions("optuna"),
    )


def _default_tau(
    trials: "Sequence[optuna.trial.FrozenTrial]", searched: SurrogateDataset, config: TuneConfig
) -> float:
    """Tau of the default settings in the search; computed here if a kill took the first trial."""
    for trial in trials:
        if trial.state.name == "COMPLETE" and trial.params == config.defaults:
            return float(np.mean(fold_taus(trial)))
    taus = [
        held_out_tau(searched, config.make_predictor(config.defaults), config, part)
        for part in range(config.parts)
    ]
    return float(np.mean(taus))


def _what_confirms(confirmed: Confirmation | None, unseen: int) -> str:
    if confirmed is None:
        return (
            f"none: the search left {unseen} keys unseen, and {MIN_TEST_KEYS} are needed; "
            "take fewer train_keys"
        )
    return f"{unseen} keys that the search did not see"


def write_summary(summary: TuneSummary, config: TuneConfig, out: Path) -> Path:
    """Write the summary as JSON, and the best settings as a file for `nasasr fit --config`.

    Returns:
        The latter's path.
    """
    _write(out / SUMMARY_FILE, json.dumps(asdict(summary), indent=2) + "\n")
    found = f"confirmation: {summary.confirmation}"
    if summary.gain is not None:
        found = (
            f"tau {summary.confirmed_best_tau:.4f} against {summary.confirmed_default_tau:.4f} "
            f"of the defaults on {summary.confirmation}"
        )
    head = (
        f"# Found by study {summary.name!r}: {found}.\npredictor = {json.dumps(config.predictor)}\n"
    )
    if summary.gain is not None and config.search_settings:
        as_searched = ", ".join(f"{name} = {v}" for name, v in config.search_settings.items())
        head = f"# Both taus are with {as_searched}, as in the search.\n{head}"
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
    # TOML has no None, which is only ever a default: omitting a setting gives it.
    given = {key: value for key, value in table.items() if value is not None}
    plain = {key: value for key, value in given.items() if not isinstance(value, dict)}
    # JSON's strings, numbers and booleans are TOML's.
    lines = [f"\n[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items())]
    inner = [_toml(value, f"{name}.{key}") for key, value in given.items() if key not in plain]
    return "\n".join(lines) + "\n" + "".join(inner)


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")
