"""Whether a folder of results is of the benchmark that is to be run."""

import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError, unreadable

Asked = tuple[str, str, int, int, str]
"""One fit as its scores identify it: protocol, detail, train size, repeat, predictor."""

_PLACE = ("protocol", "detail", "train_size", "repeat", "predictor")
_QUESTION = ("target", "source_sha256", "seed", "folds", "levels")
_SCALE = ("direction", "transform")


def require_goes_on(folder_config: Path, values: Mapping[str, Any]) -> None:
    """Make sure that a folder holds the benchmark that is to be run, or none.

    More protocols, sizes, repeats and predictors extend a benchmark; other labels, other settings
    of a predictor, or another seed, calibration or levels make another one.

    Args:
        folder_config: `config.json` of the folder; it may not exist.
        values: what this run would write there.

    Raises:
        UserError: if they differ in what results depend on; names each, and the remedy.
    """
    if not folder_config.exists():
        return
    rule = f"{folder_config} must describe the results beside it"
    with unreadable(rule, "choose another --out"):
        before = _question(json.loads(folder_config.read_text(encoding="utf-8")))
    now = _question(json.loads(json.dumps(values)))
    lines = [
        f"  {name}: {before[name]!r}, and of this run {now[name]!r}"
        for name in before
        if name in now and now[name] != before[name]
    ]
    if lines:
        start = (
            f"benchmark folder {folder_config.parent} must hold one benchmark, but has results of "
            "another:"
        )
        raise UserError("\n".join([start, *lines, "choose another --out"]))


def require_all_asked(scores: Path, asked: Set[Asked]) -> None:
    """Make sure that no score of a folder would be removed from its files.

    Args:
        scores: `scores.parquet` of the folder; it may not exist.
        asked: the fits that will be in it.

    Raises:
        UserError: if it has scores of other fits; names one.
    """
    import pyarrow.parquet as pq

    if not scores.exists():
        return
    with unreadable(f"{scores} must be a file of scores", "choose another --out"):
        columns = pq.read_table(scores, columns=list(_PLACE)).to_pydict()
        found = set(zip(*(columns[name] for name in _PLACE), strict=True))
    hidden = sorted(found - asked)
    if hidden:
        protocol, detail, size, repeat, predictor = hidden[0]
        where = f"{protocol} ({detail})" if detail else protocol
        raise UserError(
            f"{scores.parent} holds scores of {len(hidden)} fits (of {len(found)}) that this "
            f"configuration omits, such as {predictor} on {where}, {size} training keys, repeat "
            f"{repeat}; add them, or choose another --out"
        )


def write_config(path: Path, values: Mapping[str, Any]) -> None:
    """Write the effective configuration atomically."""
    with atomic_file(path) as scratch:
        scratch.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _question(values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a `config.json` that results depend on; not how many results there are."""
    settings = {f"settings of {name}": of for name, of in values["settings"].items()}
    scale = {name: values["source"].get(name) for name in _SCALE}
    return {**{name: values[name] for name in _QUESTION}, **scale, **settings}
