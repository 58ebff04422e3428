"""Run a comparison of searchers: paired repeats over processes, each kept as soon as it is done."""

import json
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.hashing import content_hash
from graph_encoding.engines.engine import Engine, OnStep, no_step
from surrogate.comparison.fit_result import write_rows
from surrogate.comparison.plugin import contender
from surrogate.forecasting.forecast import Forecaster
from surrogate.jobs.provenance import made_by
from surrogate.jobs.tasks import OnProgress, each_done, no_progress
from surrogate.search.evaluator import Evaluator, ForecastEvaluator, TableEvaluator
from surrogate.search.history import History
from surrogate.search.judging.config import CompareConfig, SearcherEntry
from surrogate.search.judging.judge import Judge
from surrogate.search.judging.limits import limit_models
from surrogate.search.judging.page import write_page
from surrogate.search.judging.shuffled import ShuffledEvaluator
from surrogate.search.judging.summary import (
    ComparisonSummary,
    Cost,
    SearchRun,
    curve_rows,
    run_scores,
    summarise_comparison,
)
from surrogate.search.judging.truth import (
    ARTIFACT,
    Truth,
    TruthRow,
    check_of_space,
    interim_truth,
    read_refined,
)
from surrogate.search.run import Step, run_search, table_with_curves
from surrogate.search.stopping import STOPPING
from surrogate.search.warm_start import WarmStart

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

_RUNS, _TRUTHS = "runs", "truths"
_SUMMARY, _CURVES, _SCORES = "summary.json", "curves.parquet", "scores.parquet"
_PAGE = "report.html"

Task = tuple[str, int]
"""Entry of the configuration, and repeat."""


@dataclass(frozen=True)
class _Bench:
    """A configuration with what it names."""

    config: CompareConfig
    table: "BenchmarkTable | None"

    @classmethod
    def of(cls, config: CompareConfig) -> "_Bench":
        from train_benchmark.table.benchmark_table import BenchmarkTable

        return cls(config, None if config.artifact else BenchmarkTable.load(config.table))

    def identities(self) -> dict[Task, str]:
        """What each search depends on, as a checksum."""
        config = self.config
        common = {
            **made_by(),
            **self._source(),
            "problem": config.problem.to_plain(),
            **config.model_dump(include={"seeds", "budget", "seed", "limits"}, mode="json"),
        }
        of_searcher = {
            name: [
                common,
                choice.name,
                choice.code_sha256,
                asdict(choice.settings),
                config.searchers[name].model_dump(mode="json", exclude={"kind", "settings"}),
            ]
            for name, choice in config.choices().items()
        }
        return {
            (name, repeat): content_hash([*parts, repeat])[:24]
            for name, parts in of_searcher.items()
            for repeat in range(config.repeats)
        }

    def _source(self) -> dict[str, Any]:
        """What values are from."""
        if self.table is not None:
            return {"table": self.table.content_sha256}
        return {"artifact": asdict(_forecaster(self.config.artifact or "").metadata)}

    def check(self) -> None:
        """Check that each searcher can start: none of it must be found after hours.

        Raises:
            UserError: if one cannot, or the table lacks most trainings that searches ask for.
        """
        for name, choice in self.config.choices().items():
            entry = self.config.searchers[name]
            evaluator = self._evaluator(entry, 0)
            try:
                choice.make(
                    self.config.problem,
                    seed=self.config.seed,
                    trainings_each=len(evaluator.seeds),
                    warm_start=self._warm_start(entry, 0),
                )
                if entry.stopping is not None:
                    table_with_curves(evaluator, self.config.problem)
                if isinstance(evaluator, TableEvaluator):
                    evaluator.check_space()
            except UserError as e:
                raise UserError(f"searcher {name}: {e}") from e

    def _evaluator(self, entry: SearcherEntry, repeat: int) -> Evaluator:
        config, problem = self.config, self.config.problem
        if self.table is None:
            return ForecastEvaluator(_forecaster(config.artifact or ""), problem)
        evaluator = TableEvaluator(
            self.table,
            problem,
            seeds=config.seeds,
            missing="failed" if len(config.seeds) > 1 else "error",
            measures_latency=False,
        )
        if entry.shuffled:
            return ShuffledEvaluator(evaluator, problem.space, config.seed + repeat)
        return evaluator

    def run(self, task: Task, _on_step: OnStep = no_step) -> tuple[SearchRun, Cost]:
        """One search, and what it cost; an error says which."""
        name, repeat = task
        config, entry = self.config, self.config.searchers[task[0]]
        evaluator = self._evaluator(entry, repeat)
        history = History({})
        try:
            searcher = config.choices()[name].make(
                config.problem,
                seed=config.seed + repeat,
                trainings_each=len(evaluator.seeds),
                limits=limit_models(config, self.table, name, repeat) if self.table else (),
                warm_start=self._warm_start(entry, repeat),
            )
            started = time.process_time()
            steps = run_search(
                searcher,
                evaluator,
                budget=config.budget,
                batch=entry.batch,
                history=history,
                stopping=None if entry.stopping is None else STOPPING[entry.stopping](),
            )
        except UserError as e:
            raise UserError(f"searcher {name}, repeat {repeat}: {e}") from e
        except Exception as e:
            e.add_note(f"in the search of {name}, repeat {repeat}")
            raise
        cost = Cost(time.process_time() - started, len(steps))
        return _run_of(name, repeat, history, steps), cost

    def _warm_start(self, entry: SearcherEntry, repeat: int) -> WarmStart | None:
        from train_benchmark.table.benchmark_table import BenchmarkTable

        if entry.warm_start is None or self.table is None:
            return None
        return WarmStart.of_table(
            BenchmarkTable.load(entry.warm_start.table),
            self.config.problem,
            functions=entry.warm_start.functions,
            seed=self.config.seed + repeat,
            searched_recipe=self.table.metadata.recipe_hash,
        )


@lru_cache(maxsize=1)
def _forecaster(artifact: str) -> Forecaster:
    """The forecaster of an artifact, once for all searches of a process."""
    return Forecaster.load(artifact)


def _run_of(name: str, repeat: int, history: History, steps: tuple[Step, ...]) -> SearchRun:
    return SearchRun(
        searcher=name,
        repeat=repeat,
        trained=tuple(evaluation.key for evaluation in history.evaluations),
        recommended=tuple(
            (step.trainings, tuple(best.key for best in step.front)) for step in steps if step.front
        ),
        epochs=tuple(evaluation.epochs for evaluation in history.evaluations),
        stopped=tuple(evaluation.status == "stopped" for evaluation in history.evaluations),
        costs=tuple(e.costs[0] if e.costs else None for e in history.evaluations),
    )


def run_comparison(
    config: CompareConfig,
    folder: Path,
    *,
    workers: int = 1,
    engine: Engine | None = None,
    on_progress: OnProgress = no_progress,
) -> ComparisonSummary:
    """Run what of a comparison is not done yet, and judge all of it.

    A search is named by all that it depends on: table, problem, settings, source code and
    versions. Those that a folder has already are not run again.

    Args:
        config: who is compared, and where.
        folder: where results stand; made if need be.
        workers: processes of this machine, if there is no engine.
        engine: where searches run; by default on this machine.
        on_progress: called with the finished searches and their total.

    Returns:
        The summary, which then stands in the folder as `summary.json`; beside it are
        `curves.parquet` (regret after each training), `scores.parquet` (one row for each search),
        `report.html` where plotly is installed, `runs/` and `truths/`.

    Raises:
        UserError: if something in the configuration is wrong, or the folder cannot be written.
    """
    bench = _Bench.of(config)
    identities = bench.identities()
    try:
        for name in (_RUNS, _TRUTHS):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot write folder {folder}: {e}; choose another --out") from e
    path_of = {
        task: folder / _RUNS / f"{_file_name(task[0])}-{task[1]}-{identity}.json"
        for task, identity in identities.items()
    }
    missing = [task for task, path in path_of.items() if not path.exists()]
    done = len(path_of) - len(missing)
    on_progress(done, len(path_of))
    # Before the searches: a wrong truth, limit or second objective must not be found after hours.
    bench.check()
    judge = _judge(bench, folder) if bench.table else None
    for task, (run, cost) in each_done(missing, bench.run, workers=workers, engine=engine):
        path = path_of[task]
        # Beside the run, which is the same whenever and wherever it is made.
        _write_json(cost._asdict(), path.with_suffix(".time"))
        _write_json(asdict(run), path)
        done += 1
        on_progress(done, len(path_of))
    runs = [_read_run(path) for path in path_of.values()]
    judge = judge or Judge.of(config, None, _forecast_truth(config, runs))
    return _summarised(bench, judge, runs, path_of, folder)


def _judge(bench: _Bench, folder: Path) -> Judge:
    """The judge of a comparison on a table."""
    assert bench.table is not None
    truth = _truth(bench.config, bench.table, folder / _TRUTHS)
    judge = Judge.of(bench.config, bench.table, truth)
    if judge.reference is not None:
        judge.hypervolume(())  # checks the reference point
    return judge


def _summarised(
    bench: _Bench,
    judge: Judge,
    runs: Sequence[SearchRun],
    path_of: dict[Task, Path],
    folder: Path,
) -> ComparisonSummary:
    config, truth = bench.config, judge.truth
    whole = (bench.table.epochs if bench.table else None) or 1
    curves = [row for run in runs for row in curve_rows(run, judge, whole)]
    scores = [
        row for run in runs for row in run_scores(run, judge, config.shares, config.budget, whole)
    ]
    write_rows(curves, folder / _CURVES)
    write_rows(scores, folder / _SCORES)
    costs: dict[str, list[Cost]] = {}
    for (name, _), path in path_of.items():
        plain = json.loads(path.with_suffix(".time").read_text(encoding="utf-8"))
        costs.setdefault(name, []).append(Cost(**plain))
    summary = summarise_comparison(
        config.name,
        scores,
        truth,
        reference=config.reference or next(iter(config.searchers)),
        budget=config.budget,
        seed=config.seed,
        costs=costs,
    )
    _write_json(asdict(summary), folder / _SUMMARY)
    # Without plotly, an extra, there is no page.
    with suppress(ModuleNotFoundError):
        write_page(summary, curves, folder / _PAGE)
    return summary


def _forecast_truth(config: CompareConfig, runs: Sequence[SearchRun]) -> Truth:
    """Forecasts of all functions that some search trained, which are what the searches saw."""
    target = config.of_target
    seen = {k: cost for run in runs for k, cost in zip(run.trained, run.costs, strict=True)}
    # A cost is the value or its negative: the same map leads back.
    rows = (
        TruthRow(key, float(target.to_cost(np.array([cost]))[0]), 0.0, 0, ARTIFACT)
        for key, cost in sorted(seen.items())
        if cost is not None
    )
    return Truth(target, tuple(rows))


def _truth(config: CompareConfig, table: "BenchmarkTable", folder: Path) -> Truth:
    """The truth of a comparison, kept under the name of what it depends on."""
    refined = () if config.truth.refined is None else read_refined(config.truth.refined)
    keys, of_space = {row.key for row in refined}, set(config.problem.space.functions.keys)
    check_of_space(keys, of_space)  # before the fits
    if keys == of_space:
        # Nothing of an estimate would be left, which takes fits of its predictor.
        return Truth.of_rows(config.of_target, refined)
    choice = contender(config.truth.predictor, config.truth.settings)
    identity = content_hash(
        [
            made_by(),
            table.content_sha256,
            config.problem.to_plain(),
            config.seeds,
            [choice.name, choice.code_sha256, asdict(choice.settings), config.truth.folds],
        ]
    )[:24]
    path = folder / f"{identity}.parquet"
    if path.exists():
        import pyarrow.parquet as pq

        with unreadable(f"{path} must hold a truth", "remove it and run it again"):
            rows = tuple(TruthRow(**row) for row in pq.read_table(path).to_pylist())
        truth = Truth(config.of_target, rows)
    else:
        truth = interim_truth(
            table,
            config.of_target,
            config.problem.space,
            seen_seeds=config.seeds,
            predictor=choice.make(),
            folds=config.truth.folds,
        )
        write_rows(list(truth.rows), path)
    return truth.refined(refined)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)


def _write_json(value: Any, path: Path) -> None:
    with atomic_file(path) as scratch:
        text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
        scratch.write_text(f"{text}\n", encoding="utf-8")


def _read_run(path: Path) -> SearchRun:
    with unreadable(f"{path} must hold a search", "remove it and run it again"):
        plain = json.loads(path.read_text(encoding="utf-8"))
        return SearchRun(
            plain["searcher"],
            plain["repeat"],
            tuple(plain["trained"]),
            tuple((trainings, tuple(keys)) for trainings, keys in plain["recommended"]),
            tuple(plain["epochs"]),
            tuple(plain["stopped"]),
            tuple(plain["costs"]),
        )
