"""A search with Optuna: one process asks for settings and stores trials, an engine judges them."""

from collections import deque
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.engines.engine import Engine, Lost, OnStep
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import load_source
from surrogate.jobs.provenance import made_by
from surrogate.jobs.tasks import (
    OnProgress,
    local_engine,
    lost_error,
    made_once,
    no_progress,
    one_thread_each,
)
from surrogate.tuning.config import Range, TuneConfig, Value
from surrogate.tuning.interrupts import held_interrupts
from surrogate.tuning.objective import held_out_tau, training_keys

if TYPE_CHECKING:
    import optuna

    from surrogate.tuning.journal import StudyJournal

JOURNAL_FILE = "study.journal"

_FOLD_TAUS, _REFUSED = "fold_taus", "refused"
_STARTUP_TRIALS = 8


def run_study(
    config: TuneConfig,
    out: Path,
    *,
    workers: int = 1,
    engine: Engine | None = None,
    verbose: bool = False,
    on_progress: OnProgress = no_progress,
) -> "optuna.Study":
    """Search until the configured number of trials has ended, those of earlier runs among them.

    The first trial is that of the default settings. A killed run loses the trials in flight.

    Args:
        config: what to search.
        out: folder of the study: new, or to resume.
        workers: processes of this machine, if there is no engine.
        engine: where trials are judged, one held-out part at a time.
        verbose: whether each trial is logged to stderr, and not only errors.
        on_progress: called with the trials that have ended and their number.

    Returns:
        The study.

    Raises:
        MissingExtraError: if optuna is not installed.
        UserError: if the folder cannot be written, or holds another study.
    """
    _set_verbosity(verbose=verbose)
    dataset = training_keys(load_source(config), config)
    with held_interrupts():
        study, journal = _open(config, out, dataset)
    search = _Search(study, config, on_progress)
    search.report()
    with journal.errors_as_messages():
        try:
            search.run(engine or local_engine(workers), dataset)
        except (Exception, KeyboardInterrupt):
            if journal.failure is None:
                with held_interrupts():
                    search.give_up()
            raise
    return study


def fold_taus(trial: "optuna.trial.FrozenTrial") -> list[float]:
    """Kendall tau of each part that a trial held out."""
    return list(trial.user_attrs.get(_FOLD_TAUS, ()))


def refusal(trial: "optuna.trial.FrozenTrial") -> str | None:
    """Why a trial's settings were refused; None if they were not, or if it was stopped."""
    reason: str | None = trial.user_attrs.get(_REFUSED)
    return reason


def suggested(trial: "optuna.Trial", name: str, value_range: Range, *, whole: bool) -> Any:
    """The value of one setting that a trial suggests."""
    if value_range.choices is not None:
        return trial.suggest_categorical(name, value_range.choices)
    low, high, step, log = value_range.low, value_range.high, value_range.step, value_range.log
    assert low is not None
    assert high is not None
    if whole:
        return trial.suggest_int(name, int(low), int(high), step=int(step or 1), log=log)
    return trial.suggest_float(name, low, high, step=step, log=log)


@dataclass(frozen=True)
class _Part:
    """One held-out part of a trial."""

    trial: int
    changes: tuple[tuple[str, Value], ...]
    number: int


@dataclass(frozen=True, eq=False)
class _Judge:
    """Judges parts of trials, in any process."""

    dataset: SurrogateDataset
    config: TuneConfig

    def __call__(self, part: _Part, on_step: OnStep) -> float | str:
        """The tau of a part, or why its settings are refused."""
        del on_step
        try:
            predictor = self.config.make_predictor(dict(part.changes))
            return held_out_tau(self.dataset, predictor, self.config, part.number)
        except UserError as e:
            return str(e)


class _Search:
    """The trials in flight of one search; it alone writes to the study.

    Args:
        study: the study, which other searches may write to as well.
        config: its configuration.
        on_progress: called with the trials that have ended and their number.
    """

    def __init__(self, study: "optuna.Study", config: TuneConfig, on_progress: OnProgress) -> None:
        self._study, self._config, self._on_progress = study, config, on_progress
        self._trials: dict[int, tuple[optuna.Trial, list[float]]] = {}
        self._waiting: deque[_Part] = deque()
        self._log = _import_optuna().logging.get_logger("optuna.nasasr")

    def report(self) -> None:
        """Call `on_progress`."""
        self._on_progress(min(_ended(self._study), self._config.trials), self._config.trials)

    def run(self, engine: Engine, dataset: SurrogateDataset) -> None:
        """Judge trials until enough have ended."""
        judge = made_once(_Judge(dataset, self._config))
        running = engine.run(self._next_part, judge, one_thread_each())
        with closing(running):
            for part, found in running:
                if isinstance(found, Lost):
                    raise lost_error(found)
                with held_interrupts():
                    self._take(part, found)

    def give_up(self) -> None:
        """Mark the trials in flight as failed."""
        for number in [*self._trials]:
            self._end(number, "FAIL")

    def _next_part(self) -> _Part | None:
        with held_interrupts():
            if self._waiting:
                return self._waiting.popleft()
            if _ended(self._study) + len(self._trials) >= self._config.trials:
                return None
            return self._asked()

    def _asked(self) -> _Part:
        """The first part of a new trial."""
        from optuna.samplers import TPESampler

        # Seeded anew for each trial: a resumed search, or one that joins another, would otherwise
        # draw what the first one drew.
        seed = [self._config.seed, len(self._study.get_trials(deepcopy=False))]
        self._study.sampler = TPESampler(
            seed=int(np.random.default_rng(seed).integers(2**31)),
            n_startup_trials=_STARTUP_TRIALS,
            multivariate=True,
            constant_liar=True,  # keeps workers from trying what another is about to
        )
        trial = self._study.ask()
        self._trials[trial.number] = trial, []
        changes = tuple(
            (name, suggested(trial, name, of, whole=self._config.is_whole(name)))
            for name, of in self._config.space.items()
        )
        return _Part(trial.number, changes, 0)

    def _take(self, part: _Part, found: float | str) -> None:
        """Take in the result of a part: the trial continues or ends."""
        trial, taus = self._trials[part.trial]
        if isinstance(found, str):
            trial.set_user_attr(_REFUSED, found)
            self._end(part.trial, "FAIL")
            return
        taus.append(found)
        trial.report(float(np.mean(taus)), part.number)
        if trial.should_prune():
            self._end(part.trial, "PRUNED")
        elif len(taus) == self._config.parts:
            trial.set_user_attr(_FOLD_TAUS, taus)
            self._end(part.trial, "COMPLETE", float(np.mean(taus)))
        else:
            self._waiting.append(_Part(part.trial, part.changes, part.number + 1))

    def _end(self, number: int, state: str, value: float | None = None) -> None:
        from optuna.trial import TrialState

        trial, _ = self._trials.pop(number)
        self._study.tell(trial, value, state=TrialState[state])
        self._log.info("Trial %d finished: %s, value %s, %s", number, state, value, trial.params)
        self.report()


def _open(
    config: TuneConfig, out: Path, dataset: SurrogateDataset
) -> "tuple[optuna.Study, StudyJournal]":
    library = _import_optuna()
    from optuna.storages import JournalStorage

    from surrogate.tuning.journal import StudyJournal

    try:
        out.mkdir(parents=True, exist_ok=True)
        journal = StudyJournal(out / JOURNAL_FILE)
        storage = JournalStorage(journal)
        others = {*library.get_all_study_names(storage)} - {config.name}
    except OSError as e:
        raise UserError(f"cannot write study folder {out}: {e}; choose another --out") from e
    # Optuna reads the journal line by line as what it wrote itself, and does not say more.
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise UserError(
            f"{out / JOURNAL_FILE} must be the journal of a study, but cannot be read: {e!r}; "
            "choose another --out"
        ) from e
    if others:
        raise UserError(
            f"study folder {out} must hold one study, but has {', '.join(sorted(others))} and "
            f"this run's name is {config.name!r}; choose another --out"
        )
    with journal.errors_as_messages():
        study: optuna.Study = library.create_study(
            storage=storage,
            study_name=config.name,
            direction="maximize",
            load_if_exists=True,
            pruner=library.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=1),
        )
        _claim(study, config, out, dataset)
    return study, journal


def _claim(study: "optuna.Study", config: TuneConfig, out: Path, dataset: SurrogateDataset) -> None:
    """Bind a study to what its trials depend on, and make its first trial that of the defaults.

    Raises:
        UserError: if it is bound to something else.
    """
    wanted = {
        "config_hash": config.hash,
        "keys_sha256": dataset.content_sha256,
        "code_and_versions": content_hash(made_by()),
    }
    if reads := config.make_predictor({}).reads:
        wanted["reads_sha256"] = content_hash(dict(reads))
    new = not study.get_trials(deepcopy=False)
    for name, value in wanted.items():
        found = study.user_attrs.get(name)
        if new and found is None:
            study.set_user_attr(name, value)
        elif found != value:
            raise UserError(
                f"study folder {out} must hold trials of one configuration, one set of keys and "
                f"one version of the code, but its {name} is {str(found)[:12]} and this run's is "
                f"{value[:12]}; choose another --out"
            )
    if not any(_is_default(trial, config) for trial in study.get_trials(deepcopy=False)):
        study.enqueue_trial(config.defaults)


def _is_default(trial: "optuna.trial.FrozenTrial", config: TuneConfig) -> bool:
    """Whether a trial is, or may become, that of the defaults: a stopped one will not."""
    stopped = trial.state.name == "FAIL" and refusal(trial) is None
    return not stopped and config.defaults in (trial.params, trial.system_attrs.get("fixed_params"))


def _ended(study: "optuna.Study") -> int:
    """Trials with a result: a stopped one, which optuna calls failed, has none."""
    trials = study.get_trials(deepcopy=False)
    with_result = ("COMPLETE", "PRUNED")
    return sum(trial.state.name in with_result or refusal(trial) is not None for trial in trials)


def _import_optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as e:
        raise MissingExtraError("optuna", "predictors") from e
    return optuna


def _set_verbosity(*, verbose: bool) -> None:
    levels = _import_optuna().logging
    levels.set_verbosity(levels.DEBUG if verbose else levels.ERROR)
