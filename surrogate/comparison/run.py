"""Run a benchmark: every predictor on the same splits, each fit kept as soon as it is done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from surrogate.calibration import ConformalCalibrator
from surrogate.comparison.ceiling import Ceiling, noise_ceilings
from surrogate.comparison.config import BenchmarkConfig
from surrogate.comparison.fit_result import FitResult, read_fit, write_fit, write_rows
from surrogate.comparison.fitting import fit_and_ask
from surrogate.comparison.kept import Asked, require_all_asked, require_goes_on, write_config
from surrogate.comparison.plugin import Contender, contender
from surrogate.comparison.protocol import PROTOCOLS, PlannedSplit, planned_splits
from surrogate.comparison.scores import Metric, ScoreRow, metrics_of, score_rows
from surrogate.comparison.summary import SummaryRow, summarise
from surrogate.data.folds import check_folds
from surrogate.data.labelled_graphs import Source, load_source
from surrogate.data.prediction import Prediction
from surrogate.data.searched_keys import searched_keys
from surrogate.jobs.processes import OnStep, each_done, no_step
from surrogate.jobs.provenance import made_by
from surrogate.predictors.base import FEWEST_KEYS

_FITS = "fits"
_CONFIG = "config.json"
_SCORES = "scores.parquet"
_SUMMARY = "summary.parquet"

OnProgress = Callable[[int, int, int], None]
"""Called with the fits done, those in all, and those done in this run."""


Task = tuple[int, int]
"""Split and contender, by number."""

_Ceilings = dict[str, dict[str, Ceiling]]


@dataclass(frozen=True, eq=False)
class BenchmarkResult:
    """What a benchmark found.

    Attributes:
        config: what was asked.
        source: the labelled graphs.
        metrics: what was measured.
        ceilings: noise ceilings by protocol and metric, over the keys that the protocol tests on;
            without metrics where they are not known.
        fits: every fit with its answers.
        scores: one row for each number of each fit.
        summary: one row for each metric over repeats.
        features_used_by: names of the predictors that learned from features given with the
            graphs; none where there are none.
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
    """A configuration with all that it names looked up and checked."""

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
        # After the splits: what a source has not enough keys for needs no calibration.
        _check_calibration(config)
        return cls(config, source, splits, contenders)

    def tested_by(self, protocol: str) -> NDArray[np.int64]:
        """Indices of all keys that a protocol asks for, in any of its splits."""
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
        """All fits, as their scores name them."""
        return {
            (split.protocol, split.detail, split.train_size, split.repeat, contender.name)
            for split in self.splits
            for contender in self.contenders
        }

    def tasks(self) -> Iterator[tuple[int, int, str]]:
        """(split, contender, identity) of each fit, in the order they are run."""
        keys = self.source.dataset.keys
        common = {
            **made_by(),
            "source": self.source.fingerprint,
            "target": repr(self.source.dataset.target),
            **self.config.model_dump(include={"levels", "folds", "seed"}, mode="json"),
        }
        kinds = [
            {"name": c.name, "settings": repr(c.settings), "code": c.code_sha256}
            for c in self.contenders
        ]
        for s, split in enumerate(self.splits):
            place = {
                "protocol": [split.protocol, split.detail, split.train_size, split.repeat],
                "train": [keys[i] for i in split.train],
                "test": content_hash([keys[i] for i in split.test]),
            }
            for c, kind in enumerate(kinds):
                yield s, c, content_hash([common, place, kind])[:24]

    def run(self, task: Task, _on_step: OnStep = no_step) -> FitResult:
        """Fit and ask one contender on one split; an error says which."""
        split, number = task
        config, chosen = self.config, self.splits[split]
        name = self.contenders[number].name
        detail = f" ({chosen.detail})" if chosen.detail else ""
        where = (
            f"{name} on {chosen.protocol}{detail}, {chosen.train_size} training keys, repeat "
            f"{chosen.repeat}"
        )
        try:
            return fit_and_ask(
                self.source,
                chosen,
                self.contenders[number],
                levels=config.levels,
                folds=config.folds,
                seed=config.seed,
            )
        except UserError as e:
            raise UserError(f"{where}: {e}") from e
        except Exception as e:
            e.add_note(f"in the fit of {where}")
            raise


def _check_calibration(config: BenchmarkConfig) -> None:
    """Make sure that every training set can be calibrated, before the first fit.

    Raises:
        UserError: if one is too small for the folds or for a level.
    """
    for protocol in config.protocols:
        for size in config.sizes_of(protocol):
            # One score of each training key, as a calibration has them.
            scores = ConformalCalibrator(np.zeros(size), 1.0)
            try:
                check_folds(size, config.folds, FEWEST_KEYS, "take larger train sizes")
                scores.std(Prediction(np.zeros(1), np.zeros(1)))
                for level in config.levels:
                    scores.quantile(level)
            except UserError as e:
                raise UserError(f"{protocol}, {size} training keys: {e}") from e


def _without_keys_of(source: Source, searches: Sequence[Path]) -> Source:
    """A source without the keys that some searches for settings saw.

    Raises:
        UserError: if a summary does not say what its search saw, or it saw none of the source's
            keys: it is one on other graphs.
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
    on_progress: OnProgress = lambda _done, _total, _new: None,
) -> BenchmarkResult:
    """Run what of a benchmark is not done yet, and sum up all of it.

    A fit is named by all that it depends on: data, split, settings, the source code of nasasr and
    of its predictor's package, and the versions of Python and of the packages that fits use. Those
    that a folder has already are not run again. More protocols, sizes, repeats and predictors
    extend a folder; what asks something else, or leaves out what it has scores of, is refused.

    Args:
        config: what is asked.
        folder: where results are kept; made if need be.
        workers: processes that fit at a time.
        on_progress: told of every finished fit.

    Returns:
        The results, which then stand in the folder too: `fits/*.parquet` (answers),
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
    # Before the first fit, so that a run that is stopped has said whose fits these are.
    write_config(folder / _CONFIG, values)
    path_of = {
        (split, number): folder / _FITS / f"{identity}.parquet"
        for split, number, identity in bench.tasks()
    }
    missing = [task for task, path in path_of.items() if not path.exists()]
    done = len(path_of) - len(missing)
    on_progress(done, len(path_of), 0)
    fits = each_done(missing, bench.run, workers=workers, make_work=partial(_runner, config))
    for new, (task, fit) in enumerate(fits, start=1):
        write_fit(fit, path_of[task])
        on_progress(done + new, len(path_of), new)
    result = _summed_up(bench, ceilings, [read_fit(path) for path in path_of.values()])
    write_rows(list(result.scores), folder / _SCORES)
    write_rows(list(result.summary), folder / _SUMMARY)
    return result


def _runner(config: BenchmarkConfig) -> Callable[[Task, OnStep], FitResult]:
    return _Bench.of(config).run


def _summed_up(bench: _Bench, ceilings: _Ceilings, fits: list[FitResult]) -> BenchmarkResult:
    config, source = bench.config, bench.source
    target = source.dataset.target
    metrics = metrics_of(target, config.levels)
    scores = [
        row for fit in fits for row in score_rows(fit, metrics, source=source.name, target=target)
    ]
    using = bench.features_used_by
    summary = summarise(
        scores,
        fits,
        metrics,
        ceilings,
        target=target,
        seed=config.seed,
        using_features=frozenset(using),
    )
    return BenchmarkResult(
        config, source, metrics, ceilings, tuple(fits), tuple(scores), summary, using
    )


def _config_values(bench: _Bench, ceilings: _Ceilings) -> dict[str, Any]:
    """What is run, in full: defaults of the predictors and the noise ceilings included."""
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
