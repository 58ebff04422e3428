"""Optuna: the guided searcher as a sampler."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.graph import CellGraph
from graph_encoding.interop.parameters import CellParameters
from surrogate.search.feasibility import LimitModel
from surrogate.search.history import Evaluation
from surrogate.search.problem import Quantity, SearchProblem
from surrogate.search.searchers.guided import GuidedSearcher, GuidedSettings

# A base class cannot be imported late: of all modules only those that use this one load it.
try:
    from optuna.distributions import BaseDistribution, CategoricalDistribution
    from optuna.samplers import BaseSampler, RandomSampler
    from optuna.study import StudyDirection
    from optuna.trial import TrialState
except ModuleNotFoundError as e:
    raise MissingExtraError("optuna", "optuna") from e

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial


def suggest_cell(trial: "Trial", parameters: CellParameters | None = None) -> Cell:
    """The cell of a trial: a categorical parameter for each operation and each skip flag.

    Args:
        trial: of a study with any sampler.
        parameters: the space; by default the standard one.
    """
    parameters = CellParameters() if parameters is None else parameters
    return parameters.decode(
        {name: trial.suggest_categorical(name, of) for name, of in parameters.choices.items()}
    )


_OBJECTIVES = (Quantity.of("val_per"), Quantity.of("test_per"))
"""Quantities that stand for a study's objectives: what the searcher learns from labels alone."""


def _check_objectives(study: "Study") -> None:
    if len(study.directions) > len(_OBJECTIVES):
        raise ValueError(
            f"GuidedSampler handles at most {len(_OBJECTIVES)} objectives, but study "
            f"{study.study_name!r} has {len(study.directions)}; choose another sampler"
        )


class _StudySearcher(GuidedSearcher):
    """A guided searcher of one trial.

    Args:
        problem: as of all searchers.
        study_seed: the same for all trials: their start is one start.
        options: as of all searchers.
    """

    def __init__(self, problem: SearchProblem, *, study_seed: int, **options: Any) -> None:
        super().__init__(problem, **options)
        self._random = np.random.default_rng([study_seed])

    def plan_start(self) -> Sequence[Cell]:
        """The start, chosen at the first call: before any trial it represents the whole space."""
        return self._start

    @property
    def is_exhausted(self) -> bool:
        """Whether no function is left to ask for."""
        return next(self.random_new(), None) is None


class GuidedSampler(BaseSampler):
    """Suggests the parameters of `suggest_cell` by guided search; others are random.

    Each suggestion starts from the trials of the study, so that studies can be resumed and shared
    between processes. No function is suggested twice: neither one of a completed, running, pruned
    or failed trial, nor a dead one. When all functions have a trial, `Study.optimize` stops.
    A study may have two objectives: the searcher then maximises the expected gain of hypervolume.
    Objectives that are NaN or infinite count as failed.

    Constraints on parameters, MACs or latencies are limits of the problem. Constraints that trials
    set themselves do not guide the search, because the searcher has no model of them.

    Args:
        seed: start of all randomness, >= 0; None chooses one.
        problem: space and limits; by default the standard space without limits. The objectives
            are those of the study, whatever the problem's are.
        settings: settings of the searcher; by default the published ones.
        limits: models of the limits on latencies.

    Raises:
        UserError: if the seed is negative, or a setting or limit is wrong.
    """

    def __init__(
        self,
        seed: int | None = None,
        *,
        problem: SearchProblem | None = None,
        settings: GuidedSettings | None = None,
        limits: Sequence[LimitModel] = (),
    ) -> None:
        self._problem = SearchProblem() if problem is None else problem
        self._settings = settings
        self._limits = tuple(limits)
        self._parameters = CellParameters(self._problem.space.cells)
        self._distributions: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(of) for name, of in self._parameters.choices.items()
        }
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._searcher(0)  # which checks the arguments
        self._random = RandomSampler(seed=self._seed % 2**32)
        # Parameters of a running trial are stored one by one, after all of them were suggested.
        self._suggested: dict[tuple[str, int], Cell] = {}

    def reseed_rng(self) -> None:
        """Choose another seed, for a copy of the sampler that works in parallel."""
        self._seed = int(np.random.SeedSequence().generate_state(1)[0])
        self._random.reseed_rng()

    def infer_relative_search_space(
        self,
        study: "Study",
        trial: "FrozenTrial",  # noqa: ARG002 - Optuna calls it by position
    ) -> dict[str, BaseDistribution]:
        """The parameters of a cell.

        Raises:
            ValueError: if the study has more objectives than the searcher handles.
        """
        _check_objectives(study)
        return dict(self._distributions)

    def sample_relative(
        self, study: "Study", trial: "FrozenTrial", search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the cell to evaluate next; random values for any other space."""
        _check_objectives(study)
        if search_space != self._distributions:
            return {
                name: self.sample_independent(study, trial, name, distribution)
                for name, distribution in search_space.items()
            }
        found = self._told(study, trial).ask(1)
        if not found:
            raise UserError(
                f"a space must have functions without a trial, but all of study "
                f"{study.study_name!r} have one or break a limit; end the study"
            )
        self._suggested[study.study_name, trial.number] = found[0]
        return dict(self._parameters.encode(found[0]))

    def sample_independent(
        self,
        study: "Study",
        trial: "FrozenTrial",
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value of a parameter that is none of a cell's."""
        _check_objectives(study)
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: "Study",
        trial: "FrozenTrial",
        state: TrialState,  # noqa: ARG002 - Optuna calls it by position
        values: Sequence[float] | None,  # noqa: ARG002
    ) -> None:
        """Stop `Study.optimize` when all functions have a trial."""
        self._suggested.pop((study.study_name, trial.number), None)
        is_cell = set(self._distributions) <= set(trial.params)
        if is_cell and self._told(study, trial, is_done=True).is_exhausted:
            try:
                study.stop()
            except RuntimeError:  # outside of `optimize` there is nothing to stop
                return

    def _searcher(self, trial: int, objectives: int = 1) -> _StudySearcher:
        return _StudySearcher(
            replace(self._problem, objectives=_OBJECTIVES[:objectives]),
            # Draws differ between trials, though the searcher is a new one.
            seed=self._seed if self._seed < 0 else self._seed * 1_000_003 + trial,
            study_seed=max(self._seed, 0),
            settings=self._settings,
            limits=self._limits,
        )

    def _told(
        self, study: "Study", current: "FrozenTrial", *, is_done: bool = False
    ) -> _StudySearcher:
        """A searcher that knows the trials of a study, with the running ones as pending."""
        searcher = self._searcher(current.number, len(study.directions))
        signs = [-1.0 if way == StudyDirection.MAXIMIZE else 1.0 for way in study.directions]
        evaluations: list[Evaluation] = []
        pending: list[Cell] = []
        trials = study.get_trials(deepcopy=False)
        if len(trials) <= searcher.settings.start:
            searcher.plan_start()
        for trial in trials:
            cell = self._cell_of(study, trial)
            if cell is None or (trial.number == current.number and not is_done):
                continue
            function = searcher.space.function(cell)
            if trial.state.is_finished():
                values = trial.values if trial.state == TrialState.COMPLETE else []
                costs = tuple(sign * value for sign, value in zip(signs, values, strict=False))
                costs = costs if np.isfinite(costs).all() else ()
                evaluations.append(
                    Evaluation(
                        function.key,
                        cell.text,
                        seed=0,
                        values={} if function.is_dead else self._exact(function.graph),
                        costs=() if function.is_dead else costs,
                        status="dead" if function.is_dead else "ok" if costs else "failed",
                        source=f"Optuna's study {study.study_name}",
                        asked_at=len(evaluations),
                    )
                )
            elif trial.state == TrialState.RUNNING:
                pending.append(cell)
        searcher.tell(evaluations)
        searcher.await_cells(pending)
        return searcher

    def _exact(self, graph: CellGraph) -> dict[str, float]:
        """What decides whether a function holds the limits, except for latencies."""
        quantities = [limit.quantity for limit in self._problem.limits]
        return {q.name: self._problem.static_value(q, graph) for q in quantities if q.is_static}

    def _cell_of(self, study: "Study", trial: "FrozenTrial") -> Cell | None:
        """The cell of a trial; None for one of another space, or without parameters yet."""
        suggested = self._suggested.get((study.study_name, trial.number))
        params: Mapping[str, Any] = trial.params
        if not set(self._distributions) <= set(params):
            return suggested
        try:
            return self._parameters.decode({name: params[name] for name in self._distributions})
        except UserError:
            return None
