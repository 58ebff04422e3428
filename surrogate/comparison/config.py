"""The configuration of a benchmark: labels, protocols, predictors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from graph_encoding.common.errors import UserError
from graph_encoding.common.toml_config import distinct_errors, load_config, rule_and_value
from surrogate.comparison.fit_result import percent
from surrogate.comparison.protocol import PROTOCOLS
from surrogate.data.source_config import SourceConfig, resolved_source
from surrogate.data.targets import TARGETS

TrainSizes = Annotated[
    tuple[Annotated[int, Field(ge=2)], ...],
    Field(min_length=1),
    AfterValidator(lambda sizes: tuple(sorted(set(sizes)))),
]


def _known_protocol(name: str) -> str:
    PROTOCOLS.get(name)
    return name


class ProtocolConfig(BaseModel):
    """Settings of a protocol.

    Attributes:
        train_sizes: numbers of training keys, where they differ from the benchmark's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    train_sizes: TrainSizes | None = None


class BenchmarkConfig(BaseModel):
    """All choices of a benchmark.

    Attributes:
        name: of the benchmark, for its folder and report.
        source: the labelled graphs.
        target: a registered target for a table, or a name among the targets of a graph file.
        seed_policy: labels of a table: those of one seed, or the mean over all seeds of a key.
        without_keys_of: summaries of `nasasr tune`: the keys that these searches used are excluded,
            because settings are optimistically biased on the keys used to select them.
        protocols: ways to divide the keys, by name.
        train_sizes: numbers of training keys.
        repeats: splits of each kind and size.
        predictors: registered names, or `module:Class`.
        settings: predictor -> its settings, where they differ from its defaults.
        levels: levels of the intervals.
        group_level: one of the levels, whose coverage in each group of keys the report shows.
        folds: parts of a training set that the calibration holds out in turn.
        seed: start of all randomness.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="benchmark", pattern=r"^[\w][\w.-]*$")
    source: SourceConfig
    target: str
    seed_policy: int | Literal["mean"] = "mean"
    without_keys_of: tuple[Path, ...] = ()
    protocols: dict[Annotated[str, AfterValidator(_known_protocol)], ProtocolConfig] = Field(
        default={"random": ProtocolConfig()}, min_length=1
    )
    train_sizes: TrainSizes = (50, 100)
    repeats: int = Field(default=10, ge=1)
    predictors: tuple[str, ...] = Field(default=("xgb", "mean"), min_length=1)
    settings: dict[str, dict[str, Any]] = {}
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        default=(0.5, 0.8, 0.9, 0.95), min_length=1
    )
    group_level: float = 0.9
    folds: int = Field(default=5, ge=2)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.predictors)) < len(self.predictors):
            raise UserError(f"predictors must be distinct, but are {list(self.predictors)}")
        unused = sorted(set(self.settings) - set(self.predictors))
        if unused:
            raise UserError(
                f"settings must be of predictors that are compared, but are of {unused}"
            )
        names = [percent(level) for level in self.levels]
        if len(set(names)) < len(names):
            raise UserError(
                f"levels must be distinct to six digits of percent, but are {self.levels}"
            )
        if self.group_level not in self.levels:
            raise UserError(
                f"group_level must be one of the levels {list(self.levels)}, "
                f"but got {self.group_level}"
            )
        if self.source.table is not None:
            TARGETS.get(self.target)
        return self

    def sizes_of(self, protocol: str) -> tuple[int, ...]:
        """(k,) training sizes of a protocol, in rising order."""
        return self.protocols[protocol].train_sizes or self.train_sizes


def load_benchmark_config(path: Path) -> BenchmarkConfig:
    """Read a configuration; paths in it are relative to its folder.

    Raises:
        UserError: if the file, a key or a value is wrong; the message names each.
    """
    config = load_config(path, BenchmarkConfig)
    name = config.name if "name" in config.model_fields_set else path.stem
    found = {
        "name": name,
        "source": resolved_source(config.source, path.parent),
        "without_keys_of": tuple(path.parent / file for file in config.without_keys_of),
    }
    return config.model_copy(update=found)


def benchmark_config(values: Mapping[str, Any]) -> BenchmarkConfig:
    """The configuration from plain values, such as those of a command line.

    Raises:
        UserError: if a key or a value is wrong; the message names each.
    """
    try:
        return BenchmarkConfig.model_validate(dict(values))
    except ValidationError as e:
        lines = [
            f"  {'.'.join(map(str, error['loc'])) or 'benchmark'}: {rule_and_value(error)}"
            for error in distinct_errors(e)
        ]
        raise UserError("\n".join(["the benchmark breaks its rules:", *lines])) from e
