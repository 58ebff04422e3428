"""The configuration of a search: which predictor, which settings, on which keys."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.common.toml_config import load_config
from surrogate.comparison.plugin import checked_settings, names_of_settings
from surrogate.comparison.protocol import MIN_TEST_KEYS
from surrogate.data.source_config import SourceConfig, resolved_source
from surrogate.predictors import PREDICTORS, Predictor

FEWEST_TRAIN_KEYS = 10
"""With fewer keys, a search would overfit the seed noise."""

Value = bool | int | float | str


def _known_predictor(name: str) -> str:
    PREDICTORS.get(name)
    return name


class Range(BaseModel):
    """The values of a setting that are tried: some choices, or numbers from low to high.

    If the default of a setting is an integer, only integers are tried.

    Attributes:
        low: smallest value.
        high: largest value.
        log: whether the scale is logarithmic.
        step: distance between neighbouring values, a divisor of high - low; not together with log.
        choices: values, in place of low and high.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: tuple[Value, ...] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.choices is not None:
            if (self.low, self.high, self.step) != (None, None, None) or self.log:
                raise UserError(
                    "a range must have choices or low, high, step and log, but has both; remove one"
                )
            if len(self.choices) < 2:
                raise UserError(
                    f"choices must be at least two, but are {list(self.choices)}; add one"
                )
            return self
        if self.low is None or self.high is None or not self.low < self.high:
            raise UserError(
                f"a range must have low < high, or choices, but has {self.low} and {self.high}"
            )
        if self.log and (self.low <= 0 or self.step is not None):
            raise UserError("a logarithmic range must have low > 0 and no step")
        if self.step is not None and not (self.step > 0 and self._on_grid(self.high)):
            raise UserError(
                f"step must be > 0 and divide high - low, but is {self.step} "
                f"from {self.low} to {self.high}"
            )
        return self

    @property
    def extremes(self) -> tuple[Value, ...]:
        """The choices, or both ends."""
        if self.choices is not None:
            return self.choices
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def holds(self, value: object) -> bool:
        """Whether a value is in the range."""
        if self.choices is not None:
            return value in self.choices
        assert self.low is not None
        assert self.high is not None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and self._on_grid(value)

    def _on_grid(self, value: float) -> bool:
        assert self.low is not None
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
        if not math.isfinite(steps):  # the step is tiny
            return False
        return math.isclose(steps, round(steps), abs_tol=1e-9)


class TuneConfig(BaseModel):
    """A `configs/tune/*.toml` file.

    Attributes:
        name: name of the study.
        predictor: the predictor whose settings are searched.
        source: where labelled graphs come from.
        target: name of the label.
        seed_policy: which trainings a table's label averages.
        train_keys: number of keys that are drawn once for the search, which sees no others; all
            if None. None of them is extended.
        folds: number of folds that those keys are divided into.
        repeats: number of divisions into folds per trial.
        confirm_keys: maximal number of unseen keys on which the best and the default settings are
            compared in the end.
        confirm_repeats: number of fits of each in that comparison, with different seeds.
        trials: number of trials, pruned ones included.
        seed: start of all randomness.
        settings: settings that differ from the defaults and are not searched.
        search_settings: setting -> value during the search only, such as a cheaper one; named as in
            the space.
        space: setting -> its range; "xgb.depth" is the depth in the table "xgb".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    predictor: Annotated[str, AfterValidator(_known_predictor)]
    source: SourceConfig
    target: str
    seed_policy: int | Literal["mean"] = "mean"
    train_keys: int | None = Field(default=None, ge=FEWEST_TRAIN_KEYS)
    folds: int = Field(default=5, ge=2)
    repeats: int = Field(default=1, ge=1)
    confirm_keys: int = Field(default=1000, ge=MIN_TEST_KEYS)
    confirm_repeats: int = Field(default=2, ge=1)
    trials: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)
    settings: dict[str, Any] = Field(default_factory=dict)
    search_settings: dict[str, Value] = Field(default_factory=dict)
    space: dict[str, Range] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_settings(self) -> Self:
        for name in self.search_settings:
            self.default(name)
            if name in self.space:
                raise UserError(f"{name!r} is searched: leave it out of search_settings")
        for name, value_range in self.space.items():
            default = self.default(name)
            if not value_range.holds(default):
                raise UserError(
                    f"the range of {name!r} must hold its default {default!r}, because the first "
                    "trial has the defaults; widen it, or set another value under [settings]"
                )
            ends = value_range.extremes
            steps = () if value_range.step is None else (value_range.step,)
            if self.is_whole(name) and not all(isinstance(n, int) for n in (*ends, *steps)):
                raise UserError(
                    f"low, high and step of {name!r} must be integers as the setting is, but are "
                    f"{[*ends, *steps]}"
                )
            for end in ends:
                self.make_predictor({name: end})
        return self

    def is_whole(self, name: str) -> bool:
        """Whether a setting is an integer, as its default is."""
        default = self.default(name)
        return isinstance(default, int) and not isinstance(default, bool)

    def default(self, name: str) -> Any:
        """Value of a setting that the search does not change.

        Raises:
            UserError: if the predictor has no such setting; names those it has.
        """
        value: Any = self._plain()
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                kind = PREDICTORS.get(self.predictor).settings_type
                known = ", ".join(names_of_settings(kind))
                raise UserError(
                    f"predictor {self.predictor!r} has no setting {name!r}; it has {known}"
                )
            value = value[part]
        return value

    @property
    def parts(self) -> int:
        """Number of held-out parts that a trial is judged on."""
        return self.repeats * self.folds

    @property
    def defaults(self) -> dict[str, Value]:
        """The default of each setting that is searched."""
        return {name: self.default(name) for name in self.space}

    def make_predictor(self, changes: dict[str, Value]) -> Predictor:
        """A new, unfitted predictor with the settings of the search, some of them changed.

        Raises:
            UserError: if a value is of another type than its setting, or out of its bounds.
        """
        plain = self.plain_settings({**self.search_settings, **changes})
        return PREDICTORS.get(self.predictor)(self._checked(plain))

    def plain_settings(self, changes: dict[str, Value]) -> dict[str, Any]:
        """All settings as nested tables, some of them changed."""
        plain = self._plain()
        for name, value in changes.items():
            *tables, last = name.split(".")
            table = plain
            for part in tables:
                table = table[part]
            table[last] = value
        return plain

    def _plain(self) -> dict[str, Any]:
        return asdict(self._checked(self.settings))

    def _checked(self, plain: dict[str, Any]) -> Any:
        """Settings of the predictor from nested tables."""
        return checked_settings(self.predictor, PREDICTORS.get(self.predictor), plain)

    @property
    def hash(self) -> str:
        """sha256 of the settings that trials depend on; their number is none of them."""
        later = {"confirm_keys", "confirm_repeats"}
        merged = {"settings", "search_settings"}
        plain = self.model_dump(mode="json", exclude={"trials", "source", *later, *merged})
        # The path of a file does not matter; its keys and labels do, by their own checksum.
        scale = self.source.model_dump(include={"direction", "transform"})
        # Including the defaults of the code.
        settings = self.plain_settings(self.search_settings)
        return content_hash({**plain, "scale": scale, "settings": settings})


def load_tune_config(path: Path) -> TuneConfig:
    """Read the configuration of a search; paths in it are relative to its folder.

    Raises:
        UserError: if the file, a key or a value is wrong; names each.
    """
    config = load_config(path, TuneConfig)
    return config.model_copy(update={"source": resolved_source(config.source, path.parent)})
