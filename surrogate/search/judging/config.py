"""Configuration of a comparison of searchers: one TOML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from graph_encoding.common.errors import UserError
from graph_encoding.common.toml_config import load_config
from graph_encoding.ops import NB_ASR_OPS
from surrogate.data.targets import TARGETS, Target
from surrogate.search.plugin import SearcherChoice, searcher_of
from surrogate.search.problem import Limit, Quantity, SearchProblem
from surrogate.search.space import SearchSpace


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WarmStartEntry(_Strict):
    """Labels that a searcher starts from.

    Attributes:
        table: name or folder of a table of another recipe.
        functions: random functions of it, drawn anew in each repeat.
    """

    table: str
    functions: int = Field(default=100, ge=2)


class LimitEntry(_Strict):
    """A limit on a latency, which searches know from forecasts and which measurements judge.

    Attributes:
        setting: latency setting of the table.
        most_s: greatest latency allowed, in seconds.
        level: probability with which it must hold.
        measured: random functions whose latency is measured for the forecasts, drawn anew in each
            repeat.
        predictor: registered name of the predictor of latencies; by default that of artifacts.
    """

    setting: str
    most_s: float = Field(gt=0)
    level: float = Field(default=0.9, gt=0, lt=1)
    measured: int = Field(default=100, ge=20)
    predictor: str = "additive"


class SearcherEntry(_Strict):
    """A searcher that takes part.

    Attributes:
        kind: registered name, or module:Class; by default the entry's own name.
        batch: cells that it is asked for at a time.
        settings: settings that differ from its defaults.
        warm_start: table of another recipe that it starts from.
        stopping: rule that stops its trainings early, "forecast" or "halving"; none by default.
        limits_by: whether limits must hold by their calibrated "probability", or by a "point"
            forecast, as others do.
        shuffled: whether labels are dealt out at random among functions: a control, which must
            fall to random search.
    """

    kind: str | None = None
    batch: int = Field(default=1, ge=1)
    settings: dict[str, Any] = Field(default_factory=dict)
    warm_start: WarmStartEntry | None = None
    stopping: Literal["forecast", "halving"] | None = None
    limits_by: Literal["probability", "point"] = "probability"
    shuffled: bool = False


class TruthConfig(_Strict):
    """How functions are judged.

    Attributes:
        predictor: registered name of the predictor of the held-out forecasts.
        settings: its settings that differ from the defaults.
        folds: parts of the functions that are held out in turn.
        refined: file of refined rows, which take the place of estimates; relative to the
            configuration's folder.
    """

    predictor: str = "xgb"
    settings: dict[str, Any] = Field(default_factory=dict)
    folds: int = Field(default=5, ge=2)
    refined: Path | None = None


class CompareConfig(_Strict):
    """A comparison of searchers.

    Attributes:
        name: name of the comparison; by default the file's.
        table: name or folder of the table that searches look values up in.
        artifact: name or folder of the artifact whose forecasts take the table's place: searches
            see them, and they are the truth about all functions that some search trained. For
            spaces that no table covers.
        target: registered target that is optimised.
        second: another objective, such as a latency setting of the table, params or macs.
        hypervolume_reference: values of both objectives at the reference point of hypervolumes.
        limits: limits on latencies.
        nodes: operations of a cell of the space.
        ops: operations of the space.
        seeds: seeds of the trainings that searches see; all others judge them.
        budget: trainings of a search.
        repeats: searches of each searcher; repeats of one number start from the same random
            functions.
        seed: start of all randomness.
        shares: shares of the best functions, whose first training is counted to.
        reference: entry that the others are compared with; by default the first.
        truth: how functions are judged.
        searchers: who takes part, by name.
    """

    name: str = "comparison"
    table: str = "timit-micro"
    artifact: str | None = None
    target: str = "val_per"
    second: str | None = None
    hypervolume_reference: tuple[float, float] | None = None
    limits: tuple[LimitEntry, ...] = ()
    nodes: int = Field(default=3, ge=1)
    ops: tuple[str, ...] = NB_ASR_OPS
    seeds: tuple[int, ...] = Field(default=(1234,), min_length=1)
    budget: int = Field(default=100, ge=1)
    repeats: int = Field(default=20, ge=1)
    seed: int = Field(default=0, ge=0)
    shares: tuple[float, ...] = (0.001, 0.01)
    reference: str | None = None
    truth: TruthConfig = Field(default_factory=TruthConfig)
    searchers: dict[str, SearcherEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> "CompareConfig":
        TARGETS.get(self.target)
        if self.reference is not None and self.reference not in self.searchers:
            raise UserError(
                f"reference must be a searcher that takes part ({', '.join(self.searchers)}), but "
                f"is {self.reference!r}"
            )
        if (self.second is None) != (self.hypervolume_reference is None):
            raise UserError(
                "hypervolume_reference must be given exactly if there is a second objective, but "
                f"second is {self.second!r} and hypervolume_reference {self.hypervolume_reference}"
            )
        self._check_artifact()
        wrong = [share for share in self.shares if not 0 < share <= 1]
        if wrong:
            raise UserError(f"shares must be in (0, 1], such as 0.01, but got {wrong}")
        return self

    def _check_artifact(self) -> None:
        """With forecasts as the truth nothing can be asked for that only a table has."""
        of_table = {
            "table": "table" in self.model_fields_set,
            "second": self.second is not None,
            "limits": bool(self.limits),
            "shares": bool(self.shares),
            "warm_start": any(entry.warm_start for entry in self.searchers.values()),
            "stopping": any(entry.stopping for entry in self.searchers.values()),
            "shuffled": any(entry.shuffled for entry in self.searchers.values()),
        }
        given = [name for name, is_given in of_table.items() if is_given]
        if self.artifact is not None and given:
            raise UserError(
                f"a comparison on forecasts of an artifact has neither {', '.join(of_table)}, but "
                f"has {', '.join(given)}; leave them out (shares = []), or search a table"
            )

    @property
    def problem(self) -> SearchProblem:
        """What is searched for."""
        objectives = [Quantity.of(name) for name in (self.target, self.second) if name]
        limits = [
            Limit(Quantity(entry.setting, "latency"), entry.most_s, entry.level)
            for entry in self.limits
        ]
        space = SearchSpace(self.nodes, tuple(self.ops))
        return SearchProblem(tuple(objectives), tuple(limits), space)

    @property
    def of_target(self) -> Target:
        """The target."""
        return TARGETS.get(self.target)

    def choices(self) -> Mapping[str, SearcherChoice]:
        """Entry's name -> searcher.

        Raises:
            UserError: if there is no such searcher, or a setting is wrong.
        """
        return {
            name: searcher_of(entry.kind or name, entry.settings)
            for name, entry in self.searchers.items()
        }


def load_compare_config(path: Path) -> CompareConfig:
    """Read a configuration; paths in it are relative to its folder.

    Raises:
        UserError: if the file, a key or a value is wrong; names each.
    """
    config = load_config(path, CompareConfig)
    name = config.name if "name" in config.model_fields_set else path.stem
    refined = config.truth.refined
    truth = config.truth.model_copy(
        update={"refined": None if refined is None else path.parent / refined}
    )
    return config.model_copy(update={"name": name, "truth": truth})
