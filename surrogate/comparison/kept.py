"""What a folder of results holds already, and whether a benchmark may go on with it."""

import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from graph_encoding.common.atomic_files import whole_file
from graph_encoding.common.errors import UserError, unreadable

Asked = tuple[str, str, int, int, str]
"""One fit as its scores name it: protocol, detail, train size, repeat, predictor."""

_PLACE = ("protocol", "detail", "train_size", "repeat", "predictor")
_QUESTION = ("target", "source_sha256", "seed", "folds", "levels")
_SCALE = ("direction", "transform")


def require_goes_on(folder_config: Path, values: Mapping[str, Any]) -> None:
    """Make sure that a folder holds the benchmark that is to be run, or none.

    More protocols, sizes, repeats and predictors go on with one; other labels, other settings of
    a predictor, or another seed, calibration or levels make another.

    Args:
        folder_config: `config.json` of the folder, where it has one.
        values: what this run would write there.

    Raises:
        UserError: if they differ in what results depend on; names each, and the remedy.
    """
    if not folder_config.exists():
        return
    rule = f"{folder_config} must say what the results beside it are of"
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
    """Make sure that no score of a folder would be gone from its files.

    Args:
        scores: `scores.parquet` of the folder, where it has one.
        asked: the fits that will be in it.

    Raises:
        UserError: if it has others too; says of what.
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
            f"a benchmark must ask all that its folder {scores.parent} has scores of, or they "
            f"would be gone from its files, but it leaves out {len(hidden)} of {len(found)} fits, "
            f"such as {predictor} on {where}, {size} training keys, repeat {repeat}; ask for them "
            "too, or choose another --out"
        )


def write_config(path: Path, values: Mapping[str, Any]) -> None:
    """Write what is run, in full, whole or not at all."""
    with whole_file(path) as scratch:
        scratch.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _question(values: Mapping[str, Any]) -> dict[str, Any]:
    """What results depend on, out of a `config.json`; not how many there are."""
    settings = {f"settings of {name}": of for name, of in values["settings"].items()}
    scale = {name: values["source"].get(name) for name in _SCALE}
    return {**{name: values[name] for name in _QUESTION}, **scale, **settings}
