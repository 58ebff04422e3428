"""A search with Optuna: on one storage, by any number of processes, resumable."""

import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.registered import Registered
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import load_source
from surrogate.jobs.processes import one_thread_each
from surrogate.tuning.config import Range, TuneConfig
from surrogate.tuning.interrupts import HeldInterrupts
from surrogate.tuning.objective import held_out_taus, training_keys

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    import optuna

    from surrogate.tuning.journal import StudyJournal

JOURNAL_FILE = "study.journal"

_HASH, _FINGERPRINT, _FOLD_TAUS, _REFUSED = "config_hash", "keys_sha256", "fold_taus", "refused"
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 3.0
_STARTUP_TRIALS = 8

OnProgress = Callable[[int, int], None]


def run_study(
    config: TuneConfig,
    out: Path,
    *,
    workers: int = 1,
    verbose: bool = False,
    on_progress: OnProgress | None = None,
) -> "optuna.Study":
    """Search until the configured number of trials has ended, those of earlier runs among them.

    The first trial is that of the default settings. A killed run loses the trials in flight.

    Args:
        config: what to search.
        out: folder of the study: new, or to go on with.
        workers: processes, one core each, on one storage; others may work on it as well.
        verbose: whether optuna logs each trial to stderr, and not only errors.
        on_progress: called with the trials that have ended and their number.

    Returns:
        The study.

    Raises:
        MissingExtraError: if optuna is not installed.
        UserError: if the folder cannot be written, or holds another study.
    """
    _set_verbosity(verbose=verbose)
    dataset = training_keys(load_source(config), config)
    with HeldInterrupts():
        study, journal = _open(config, out, dataset)
    report = on_progress or _say_nothing
    report(min(_ended(study), config.trials), config.trials)
    if _ended(study) >= config.trials:
        return study
    if workers == 1:
        _search(study, journal, config, dataset, report)
        return study
    context = multiprocessing.get_context("spawn")
    job = (config, out, verbose, Registered.here())
    processes = [context.Process(target=_work, args=job) for _ in range(workers)]
    try:
        with one_thread_each():
            for process in processes:
                process.start()
        while any(process.is_alive() for process in processes):
            time.sleep(_POLL_SECONDS)
            report(min(_ended(study), config.trials), config.trials)
    finally:
        _end(processes)
    failed = [process.exitcode for process in processes if process.exitcode]
    if failed and _ended(study) < config.trials:
        raise UserError(
            f"all of {workers} workers must end well, but {len(failed)} ended with exit code "
            f"{failed[0]}; run it with one worker to see why"
        )
    return study


def fold_taus(trial: "optuna.trial.FrozenTrial") -> list[float]:
    """Kendall tau of each part that a trial held out."""
    return list(trial.user_attrs.get(_FOLD_TAUS, ()))


def refusal(trial: "optuna.trial.FrozenTrial") -> str | None:
    """Why a trial's settings could not be had; None if they could, or if it was stopped."""
    reason: str | None = trial.user_attrs.get(_REFUSED)
    return reason


def suggested(trial: "optuna.Trial", name: str, value_range: Range, *, whole: bool) -> Any:
    """Ask a trial for the value of one setting."""
    if value_range.choices is not None:
        return trial.suggest_categorical(name, value_range.choices)
    low, high, step, log = value_range.low, value_range.high, value_range.step, value_range.log
    assert low is not None
    assert high is not None
    if whole:
        return trial.suggest_int(name, int(low), int(high), step=int(step or 1), log=log)
    return trial.suggest_float(name, low, high, step=step, log=log)


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
    """Make a study that of a configuration, its first trial that of the defaults.

    Raises:
        UserError: if it is that of another.
    """
    wanted = {_HASH: config.hash, _FINGERPRINT: dataset.content_sha256}
    for name, value in wanted.items():
        found = study.user_attrs.get(name)
        if found is None:
            study.set_user_attr(name, value)
        elif found != value:
            raise UserError(
                f"study folder {out} must hold one configuration and one set of keys, but its "
                f"{name} is {found[:12]} and this run's is {value[:12]}; choose another --out"
            )
    if not any(_is_default(trial, config) for trial in study.get_trials(deepcopy=False)):
        study.enqueue_trial(config.defaults)


def _is_default(trial: "optuna.trial.FrozenTrial", config: TuneConfig) -> bool:
    """Whether a trial is, or may become, that of the defaults: a stopped one will not."""
    stopped = trial.state.name == "FAIL" and refusal(trial) is None
    return not stopped and config.defaults in (trial.params, trial.system_attrs.get("fixed_params"))


def _work(config: TuneConfig, out: Path, verbose: bool, registered: Registered) -> None:
    """One process of several."""
    registered.register()
    try:
        _set_verbosity(verbose=verbose)
        dataset = training_keys(load_source(config), config)
        with HeldInterrupts():
            study, journal = _open(config, out, dataset)
        _search(study, journal, config, dataset, _say_nothing)
    except KeyboardInterrupt:
        return
    except UserError as e:
        raise SystemExit(f"error: {e}") from e  # to stderr, without the traceback of a process


def _end(processes: "list[SpawnProcess]") -> None:
    """Wait for processes that Ctrl-C reached too, and end those that it did not."""
    started = [process for process in processes if process.pid is not None]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for process in started:
        process.join(max(0.0, deadline - time.monotonic()))
        process.terminate()
        process.join()


def _search(
    study: "optuna.Study",
    journal: "StudyJournal",
    config: TuneConfig,
    dataset: SurrogateDataset,
    report: OnProgress,
) -> None:
    library = _import_optuna()
    from surrogate.tuning.sampler import SamplerByNumber

    study.sampler = SamplerByNumber(config.seed, _STARTUP_TRIALS)

    def objective(trial: "optuna.Trial") -> float:
        changes = {
            name: suggested(trial, name, of, whole=config.is_whole(name))
            for name, of in config.space.items()
        }
        make = partial(config.make_predictor, changes)
        parts = held_out_taus(dataset, make, config, range(config.repeats))
        taus: list[float] = []
        try:
            while True:
                with interrupts.let_through():
                    tau = next(parts, None)
                if tau is None:
                    break
                taus.append(tau)
                trial.report(float(np.mean(taus)), len(taus) - 1)
                if trial.should_prune():
                    raise library.TrialPruned
        except UserError as e:
            trial.set_user_attr(_REFUSED, str(e))
            raise
        trial.set_user_attr(_FOLD_TAUS, taus)
        return float(np.mean(taus))

    def stop_when_enough(of: "optuna.Study", _: Any) -> None:
        report(min(_ended(of), config.trials), config.trials)
        if interrupts.pending or _ended(of) >= config.trials:
            of.stop()

    with HeldInterrupts() as interrupts, journal.errors_as_messages():
        study.optimize(objective, callbacks=[stop_when_enough], catch=(UserError,))


def _say_nothing(done: int, total: int) -> None:
    """For runs whose progress nobody wants."""


def _ended(study: "optuna.Study") -> int:
    """Trials that told something: those stopped by Ctrl-C, which optuna calls failed, did not."""
    trials = study.get_trials(deepcopy=False)
    told = ("COMPLETE", "PRUNED")
    return sum(trial.state.name in told or refusal(trial) is not None for trial in trials)


def _import_optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as e:
        raise MissingExtraError("optuna", "predictors") from e
    return optuna


def _set_verbosity(*, verbose: bool) -> None:
    levels = _import_optuna().logging
    levels.set_verbosity(levels.DEBUG if verbose else levels.ERROR)
