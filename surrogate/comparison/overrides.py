"""A configuration of a comparison with some of its values replaced."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graph_encoding.common.errors import UserError
from graph_encoding.interop.graph_file import read_graphs
from surrogate.comparison.config import BenchmarkConfig, benchmark_config, load_benchmark_config
from surrogate.comparison.plugin import find_plugins

DEFAULT_TABLE = "timit-micro"
_TABLE_TARGET = "val_per"
_OF_GRAPHS = ("graphs", "direction", "transform", "unit")


def config_with(
    path: Path | None,
    *,
    source: Mapping[str, Any],
    values: Mapping[str, Any],
    added: Sequence[str] = (),
) -> BenchmarkConfig:
    """The configuration of a file, or the default one, with the given values in place of its own.

    Args:
        path: TOML file of the configuration; None for the defaults on the shipped table.
        source: fields of `SourceConfig`; those that are None are not given.
        values: `target`, `repeats`, `seed`, `train_sizes`, and the names of `protocols` and
            `predictors`; those that are None are not given.
        added: predictors besides those.

    Raises:
        UserError: if the file or a value is wrong, or a graph file comes without a target.
    """
    given = {name: value for name, value in source.items() if value is not None}
    chosen = {name: value for name, value in values.items() if value is not None}
    merged: dict[str, Any] = {"source": {}}
    if path is not None:
        merged = load_benchmark_config(path).model_dump(exclude_none=True)
    elif "table" not in given and "graphs" not in given:
        given["table"] = DEFAULT_TABLE
    if "table" in given or "graphs" in given:
        of_table = _TABLE_TARGET if "table" in given else None
        merged["name"] = _name_of(given, chosen.get("target") or merged.get("target") or of_table)
    merged["source"] = _merged_source(merged["source"], given)
    merged |= {name: chosen[name] for name in ("target", "repeats", "seed") if name in chosen}
    if "table" in merged["source"]:
        merged.setdefault("target", _TABLE_TARGET)
    if "graphs" in merged["source"]:
        _complete_graphs(merged)
    if "protocols" in chosen:
        own = merged.get("protocols", {})
        merged["protocols"] = {name: own.get(name, {}) for name in chosen["protocols"]}
    if "train_sizes" in chosen:
        merged["train_sizes"] = chosen["train_sizes"]
        merged["protocols"] = {name: {} for name in merged.get("protocols", ["random"])}
    names = chosen.get("predictors", merged.get("predictors", ("xgb", "mean")))
    merged["predictors"] = list(dict.fromkeys([*names, *added]))
    settings = merged.get("settings", {})
    merged["settings"] = {n: s for n, s in settings.items() if n in merged["predictors"]}
    find_plugins(merged["predictors"])
    return benchmark_config(merged)


def _complete_graphs(merged: dict[str, Any]) -> None:
    """Take the target of a graph file that has one label only.

    Raises:
        UserError: if the target is ambiguous or the direction is not given; names both.
    """
    missing = []
    if "target" not in merged:
        labels = list(next(read_graphs(Path(merged["source"]["graphs"]))).targets)
        if len(labels) == 1:
            merged["target"] = labels[0]
        else:
            missing.append(f"--target, one of its labels {', '.join(labels)}")
    if "direction" not in merged["source"]:
        missing.append("--direction, minimise or maximise: which end of the labels is good")
    if missing:
        raise UserError(f"a graph file needs {'; and '.join(missing)}")


def _merged_source(of_file: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a file, replaced by those given; a source is a table or a graph file."""
    merged = {**of_file, **given}
    if "table" in given and "graphs" not in given:
        return {name: v for name, v in merged.items() if name in given or name not in _OF_GRAPHS}
    if "graphs" in given and "table" not in given:
        merged.pop("table", None)
    return merged


def _name_of(source: Mapping[str, Any], target: str | None) -> str:
    """A folder name, made of the source of the graphs and the target.

    The target is always part of it, so that no name is that of a file in configs/benchmark.
    """
    path = Path(source.get("graphs") or source["table"])
    # A shipped table is a name and no path; `.` has a name only once it is resolved.
    stem = path.resolve().stem if path.exists() else path.stem
    text = f"{stem}-{target}" if target else stem
    return re.sub(r"[^\w.-]+", "-", text).lstrip("-.") or "benchmark"
