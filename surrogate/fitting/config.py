"""The configuration of a fit: the predictor, the labels, and how `--report` scores it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from graph_encoding.common.errors import UserError
from graph_encoding.common.toml_config import load_config
from surrogate.curves.data import FEWEST_EPOCHS
from surrogate.data.targets import TARGETS, Target
from surrogate.predictors import PREDICTORS, Predictor, PriorPredictor, PriorSettings

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

S = TypeVar("S")

NONE = "none"
"""In place of a predictor's name: what it would predict is omitted."""


def _known_target(name: str) -> str:
    TARGETS.get(name)
    return name


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise UserError(f"targets must be distinct, but are {list(names)}; list each of them once")
    return names


def _known_predictor(name: str) -> str:
    if ":" in name:
        raise UserError(
            f"a fit takes registered predictors only ({', '.join(PREDICTORS)}), but got {name!r}; "
            "fit one of your own from Python with surrogate.fitting.fit_artifact.fit_artifact"
        )
    PREDICTORS.get(name)
    return name


def _known_predictor_or_none(name: str) -> str:
    return name if name == NONE else _known_predictor(name)


class EvaluationConfig(BaseModel):
    """How `--report` scores a fit: repeated random splits by key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repeats: int = Field(default=5, ge=1)
    test_fraction: float = Field(default=0.3, gt=0, lt=1)
    level: float = Field(default=0.9, gt=0, lt=1)


class FitConfig(BaseModel, Generic[S]):
    """All choices of a fit; `settings` are those of the predictor that is named.

    `curve_predictor` predicts the components of learning curves and `latency_predictor` each
    latency setting of the table, both with their default settings; "none" omits them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    predictor: Annotated[str, AfterValidator(_known_predictor)] = "stack"
    targets: Annotated[
        tuple[Annotated[str, AfterValidator(_known_target)], ...], AfterValidator(_distinct)
    ] = Field(default=("val_per", "test_per"), min_length=1)
    seed_policy: int | Literal["mean"] = "mean"
    seed: int = Field(default=0, ge=0)
    folds: int = Field(default=5, ge=2)
    curve_predictor: Annotated[str, AfterValidator(_known_predictor_or_none)] = "gp"
    latency_predictor: Annotated[str, AfterValidator(_known_predictor_or_none)] = "additive"
    evaluation: EvaluationConfig = EvaluationConfig()
    settings: S

    def chosen_targets(self) -> tuple[Target, ...]:
        """The targets by their names."""
        return tuple(TARGETS.get(name) for name in self.targets)

    @property
    def make_predictor(self) -> Callable[[], Predictor]:
        """Returns a new, unfitted predictor with these settings."""
        return partial(PREDICTORS.get(self.predictor), self.settings)

    @property
    def make_curve_predictor(self) -> Callable[[], Predictor] | None:
        """Returns a new, unfitted predictor of curves; None to omit curves."""
        return _maker(self.curve_predictor)

    @property
    def make_latency_predictor(self) -> Callable[[], Predictor] | None:
        """Returns a new, unfitted predictor of latencies; None to omit latencies."""
        return _maker(self.latency_predictor)


def _maker(name: str) -> Callable[[], Predictor] | None:
    return None if name == NONE else PREDICTORS.get(name)


class _Named(BaseModel):
    """The one key that must be known before the others can be checked."""

    model_config = ConfigDict(extra="ignore")

    predictor: Annotated[str, AfterValidator(_known_predictor)] = "stack"


def load_fit_config(path: Path) -> FitConfig[Any]:
    """Read the configuration of a fit.

    Raises:
        UserError: if the file, a key or a value is wrong; names each.
    """
    kind = PREDICTORS.get(load_config(path, _Named).predictor)
    model: Any = FitConfig[kind.settings_type]  # type: ignore[name-defined]
    # A file without settings means all defaults.
    config: FitConfig[Any] = load_config(path, model, empty_tables=("settings",))
    return config


def default_fit_config() -> FitConfig[Any]:
    """The configuration of a fit without a file: the stack with its defaults."""
    return FitConfig(settings=PREDICTORS.get("stack").settings_type())


def with_prior_table(config: FitConfig[Any], table: str) -> FitConfig[Any]:
    """The configuration with a predictor that also learns from the table of a cheaper recipe.

    Args:
        config: without a predictor of its own, or with the predictor `prior`.
        table: shipped table, or the folder of one.

    Raises:
        UserError: if the configuration chooses another predictor.
    """
    own = config.settings if config.predictor == PriorPredictor.name else PriorSettings()
    if config.predictor != PriorPredictor.name and "predictor" in config.model_fields_set:
        raise UserError(
            f"a prior table is used by the predictor {PriorPredictor.name!r} only, but the "
            f"configuration chooses {config.predictor!r}; leave one of them out"
        )
    chosen = {"predictor": PriorPredictor.name, "settings": replace(own, table=table)}
    return config.model_copy(update=chosen)


def for_table(config: FitConfig[Any], table: "BenchmarkTable") -> FitConfig[Any]:
    """The configuration, without curves if it does not ask for them and the table's are too short.

    Args:
        config: of the fit.
        table: what it is fitted on.
    """
    is_chosen = "curve_predictor" in config.model_fields_set
    if is_chosen or table.epochs is None or table.epochs >= FEWEST_EPOCHS:
        return config
    return config.model_copy(update={"curve_predictor": NONE})
