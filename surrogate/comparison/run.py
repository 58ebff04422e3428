"""Run a benchmark: every predictor on the same splits, each fit stored as soon as it is done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.engines.engine import Engine, OnStep
from surrogate.calibration import ConformalCalibrator
from surrogate.comparison.ceiling import Ceiling, noise_ceilings
from surrogate.comparison.config import BenchmarkConfig
from surrogate.comparison.fit_result import FitResult, read_fit, write_fit, write_rows
from surrogate.comparison.plugin import Contender, contender
from surrogate.comparison.protocol import PROTOCOLS, PlannedSplit, planned_splits
from surrogate.comparison.results_folder import (
    Asked,
    require_all_asked,
    require_goes_on,
    write_config,
)
from surrogate.comparison.scored_fit import fit_and_ask
from surrogate.comparison.scores import Metric, ScoreRow, metrics_of, score_rows
from surrogate.comparison.summary import SummaryRow, summarise
from surrogate.data.folds import check_folds
from surrogate.data.labelled_graphs import Source, load_source
from surrogate.data.prediction import Prediction
from surrogate.data.tuning_keys import searched_keys
from surrogate.jobs.checkpoint import Checkpoint
from surrogate.jobs.tasks import Task, run
from surrogate.predictors.base import FEWEST_KEYS

_FITS = "fits"
_CONFIG = "config.json"
_SCORES = "scores.parquet"
_SUMMARY = "summary.parquet"

OnProgress = Callable[[int, int, int], None]
"""Called with the finished fits, all fits, and those finished in this run."""


_Ceilings = dict[str, dict[str, Ceiling]]


@dataclass(frozen=True, eq=False)
class BenchmarkResult:
    """The results of a benchmark.

    Attributes:
        config: its configuration.
        source: the labelled graphs.
        metrics: what was measured.
        ceilings: noise ceilings by protocol and metric, over the test keys of the protocol; no
            metrics where they are unknown.
        fits: every fit with its predictions.
        scores: one row per number of each fit.
        summary: one row per metric over repeats.
        features_used_by: names of the predictors that used the features of the graphs; empty if
            graphs have no features.
    """

    config: BenchmarkConfig
    source: Source
    metrics: tuple[Metric, ...]
    ceilings: dict[str, dict[str, Ceiling]]
    fits: tuple[FitResult, ...]
    scores: tuple[ScoreRow, ...]
    summary: tuple[SummaryRow, ...]
    features_used_by: tuple[str, ...]

    @property
    def features_fact(self) -> str:
        """Which predictors used the features of the graphs, in a sentence; empty without any."""
        names = self.source.dataset.feature_names
        if not names:
            return ""
        others = [name for name in self.config.predictors if name not in self.features_used_by]
        return (
            f"features of the graphs ({', '.join(names)}): used by "
            f"{', '.join(self.features_used_by) or 'no predictor'}"
            + (f"; not used by {', '.join(others)}" if others else "")
        )


@dataclass(frozen=True, eq=False)
class _Bench:
    """A configuration with everything that it names looked up and checked."""

    config: BenchmarkConfig
    source: Source
    splits: tuple[PlannedSplit, ...]
    contenders: tuple[Contender, ...]

    @classmethod
    def of(cls, config: BenchmarkConfig) -> "_Bench":
        contenders = tuple(
            contender(name, config.settings.get(name, {})) for name in config.predictors
        )
        source = _without_keys_of(load_source(config), config.without_keys_of)
        splits = tuple(
            split
            for name in config.protocols
            for split in planned_splits(
                source, PROTOCOLS.get(name), config.sizes_of(name), config.repeats, config.seed
            )
        )
        # After the splits: where a source has too few keys, that is the error to report.
        _check_calibration(config)
        return cls(config, source, splits, contenders)

    def tested_by(self, protocol: str) -> NDArray[np.int64]:
        """Indices of all test keys of a protocol, in any of its splits."""
        return np.unique(np.concatenate([s.test for s in self.splits if s.protocol == protocol]))

    def ceilings(self) -> _Ceilings:
        """Noise ceilings by protocol and metric."""
        return {
            name: noise_ceilings(self.source, self.tested_by(name), self.config.seed)
            for name in self.config.protocols
        }

    @property
    def features_used_by(self) -> tuple[str, ...]:
        """Names of the predictors that learn from features given with the graphs."""
        has_features = bool(self.source.dataset.feature_names)
        return tuple(c.name for c in self.contenders if has_features and c.uses_features)

    def asked(self) -> set[Asked]:
        """All fits, as their scores identify them."""
        return {
            (split.protocol, split.detail, split.train_size, split.repeat, contender.name)
            for split in self.splits
            for contender in self.contenders
        }

    @property
    def inputs(self) -> dict[str, Any]:
        """What all fits depend on."""
        return {
            "source": self.source.fingerprint,
            "target": repr(self.source.dataset.target),
            **self.config.model_dump(include={"levels", "folds", "seed"}, mode="json"),
        }

    def tasks(self) -> list["_Fit"]:
        """All fits, in the order they are run."""
        keys = self.source.dataset.keys
        kinds = [
            {
                "name": c.name,
                "settings": repr(c.settings),
                "code": c.code_sha256,
                "reads": dict(c.make().reads),
            }
            for c in self.contenders
        ]
        tasks = []
        for s, split in enumerate(self.splits):
            place = [split.protocol, split.detail, split.train_size, split.repeat]
            train = [keys[i] for i in split.train]
            tested = content_hash([keys[i] for i in split.test])
            for c, kind in enumerate(kinds):
                inputs = {"fit": content_hash([place, train, tested, kind])}
                tasks.append(_Fit(s, c, self._where(s, c), inputs))
        return tasks

    def _where(self, s: int, c: int) -> str:
        split = self.splits[s]
        detail = f" ({split.detail})" if split.detail else ""
        return (
            f"{self.contenders[c].name} on {split.protocol}{detail}, {split.train_size} training "
            f"keys, repeat {split.repeat}"
        )


@dataclass(frozen=True)
class _Fit(Task[_Bench, FitResult]):
    """One contender on one split, by their numbers."""

    split: int
    contender: int
    where: str
    identity: Mapping[str, str]
    suffix = ".parquet"

    @property
    def name(self) -> str:
        return self.where

    @property
    def inputs(self) -> Mapping[str, str]:
        return self.identity

    def make(self, context: _Bench, on_step: OnStep) -> FitResult:
        del on_step
        config = context.config
        try:
            return fit_and_ask(
                context.source,
                context.splits[self.split],
                context.contenders[self.contender],
                levels=config.levels,
                folds=config.folds,
                seed=config.seed,
            )
        except UserError as e:
            raise UserError(f"{self.where}: {e}") from e
        except Exception as e:
            e.add_note(f"in the fit of {self.where}")
            raise

    def save(self, result: FitResult, path: Path) -> None:
        write_fit(result, path)

    def load(self, path: Path) -> FitResult:
        return read_fit(path)


def _check_calibration(config: BenchmarkConfig) -> None:
    """Check before the first fit that every training set can be calibrated.

    Raises:
        UserError: if one is too small for the folds or for a level.
    """
    for protocol in config.protocols:
        for size in config.sizes_of(protocol):
            # A calibration has one score per training key.
            scores = ConformalCalibrator(np.zeros(size), 1.0)
            try:
                check_folds(size, config.folds, FEWEST_KEYS, "take larger train sizes")
                scores.std(Prediction(np.zeros(1), np.zeros(1)))
                for level in config.levels:
                    scores.quantile(level)
            except UserError as e:
                raise UserError(f"{protocol}, {size} training keys: {e}") from e


def _without_keys_of(source: Source, searches: Sequence[Path]) -> Source:
    """A source without the keys that tuning studies saw.

    Raises:
        UserError: if a summary does not list the keys of its study, or the study saw none of the
            source's keys: it is a study on other graphs.
    """
    seen: set[str] = set()
    for path in searches:
        keys = searched_keys(path)
        if set(keys).isdisjoint(source.dataset.keys):
            raise UserError(
                f"without_keys_of must name searches on keys of {source.name!r}, but {path} saw "
                "none of them; leave it out"
            )
        seen.update(keys)
    return source.without(seen) if seen else source


def run_benchmark(
    config: BenchmarkConfig,
    folder: Path,
    *,
    workers: int = 1,
    engine: Engine | None = None,
    on_progress: OnProgress = lambda _done, _total, _new: None,
) -> BenchmarkResult:
    """Run the fits of a benchmark that its folder does not have yet, and summarise all of them.

    A fit is named by all that it depends on, see `result_key`: one of other data, settings, code
    or versions is run again. More protocols, sizes, repeats and predictors extend a folder; a
    configuration that asks another question, or omits fits that the folder has scores of, is
    refused.

    Args:
        config: the configuration.
        folder: where results are written; made if need be.
        workers: processes of this machine, if there is no engine.
        engine: where fits run.
        on_progress: called for every finished fit.

    Returns:
        The results, which are then in the folder too: `fits/*.parquet` (predictions),
        `scores.parquet` and `summary.parquet` (numbers), `config.json`.

    Raises:
        UserError: if something in the configuration is wrong, or the folder cannot be written or
            holds results of another benchmark.
    """
    bench = _Bench.of(config)
    ceilings = bench.ceilings()
    values = _config_values(bench, ceilings)
    require_goes_on(folder / _CONFIG, values)
    require_all_asked(folder / _SCORES, bench.asked())
    try:
        (folder / _FITS).mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot write benchmark folder {folder}: {e}; choose another") from e
    # Before the first fit, so that an interrupted run has said which benchmark these fits are of.
    write_config(folder / _CONFIG, values)
    fits = run(
        bench.tasks(),
        bench,
        inputs=bench.inputs,
        workers=workers,
        engine=engine,
        checkpoint=Checkpoint(folder / _FITS),
        on_progress=_with_new(on_progress),
    )
    result = _summed_up(bench, ceilings, fits)
    write_rows(list(result.scores), folder / _SCORES)
    write_rows(list(result.summary), folder / _SUMMARY)
    return result


def _with_new(on_progress: OnProgress) -> Callable[[int, int], None]:
    """A callback that adds how many fits this run has finished."""
    at_start: list[int] = []

    def report(done: int, total: int) -> None:
        if not at_start:
            at_start.append(done)
        on_progress(done, total, done - at_start[0])

    return report


def _summed_up(bench: _Bench, ceilings: _Ceilings, fits: tuple[FitResult, ...]) -> BenchmarkResult:
    config, source = bench.config, bench.source
    target = source.dataset.target
    metrics = metrics_of(target, config.levels)
    scores = [
        row for fit in fits for row in score_rows(fit, metrics, source=source.name, target=target)
    ]
    using = bench.features_used_by
    summary = summarise(
        scores,
        list(fits),
        metrics,
        ceilings,
        target=target,
        seed=config.seed,
        using_features=frozenset(using),
    )
    return BenchmarkResult(config, source, metrics, ceilings, fits, tuple(scores), summary, using)


def _config_values(bench: _Bench, ceilings: _Ceilings) -> dict[str, Any]:
    """The effective configuration, with default settings of predictors and noise ceilings."""
    return {
        **bench.config.model_dump(mode="json"),
        "settings": {c.name: asdict(c.settings) for c in bench.contenders},
        "source_sha256": bench.source.fingerprint,
        "keys": len(bench.source.dataset),
        "features": list(bench.source.dataset.feature_names),
        "features_used_by": list(bench.features_used_by),
        "noise_ceilings": [
            {"protocol": protocol, **asdict(ceiling)}
            for protocol, of_metric in ceilings.items()
            for ceiling in of_metric.values()
        ],
    }
