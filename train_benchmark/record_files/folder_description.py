"""Descriptions of folders: a JSON object with its schema version."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from graph_encoding.common.errors import CorruptFileError, UserError
from graph_encoding.common.strict_json import strict_json
from train_benchmark.record import SCHEMA_VERSION

CAMPAIGN_DESCRIPTION = "campaign.json"
SWEEP_DESCRIPTION = "latency.json"
"""Each folder of records has one of the two, which distinguishes their kinds."""


def read_description_file(
    path: Path,
    what: str,
    version_key: str,
    version: int,
    required: Sequence[str],
    not_with: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Read the description of a folder.

    Args:
        path: the file, in the folder that it describes.
        what: what the folder must be, for messages, such as "a table".
        version_key: key of the schema's version.
        version: the version that this program reads.
        required: required keys; `a.b` is the key `b` of the object at `a`.
        not_with: keys of other kinds of folders, and the message about each.

    Raises:
        CorruptFileError: if it is not a JSON object, or lacks a key.
        UserError: if it cannot be read, describes another kind of folder, or has another version.
    """
    try:
        description = strict_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        kind = UserError if isinstance(e, OSError) else CorruptFileError
        raise kind(f"{path.parent} must be {what}, but its {path.name} cannot be read: {e}") from e
    if not isinstance(description, dict):
        raise CorruptFileError(
            f"{path.parent} must be {what}, but its {path.name} holds no JSON object; "
            "restore the file, or make the folder again"
        )
    for key, reason in not_with.items():
        if key in description:
            raise UserError(f"{path.parent} must be {what}, but {reason}")
    if description.get(version_key) != version:
        raise UserError(
            f"{path.parent} must be {what} of schema version {version}, but has "
            f"{description.get(version_key)!r}; use the nasasr version that wrote it"
        )
    missing = [key for key in required if not _has(description, key)]
    if missing:
        raise CorruptFileError(
            f"{path} must have the keys {', '.join(required)}, but lacks {', '.join(missing)}; "
            "restore the file, or make the folder again"
        )
    return description


def read_campaign_description(folder: Path) -> dict[str, Any]:
    """Read the description of a campaign's folder.

    Raises:
        UserError: as `read_description_file` does.
    """
    return read_description_file(
        folder / CAMPAIGN_DESCRIPTION,
        "a campaign folder that `nasasr collect` wrote",
        "schema_version",
        SCHEMA_VERSION,
        ("recipe.train.semantics", "recipe.corpus.licence", "recipe_hash", "corpus_fingerprint"),
    )


def _has(description: object, key: str) -> bool:
    first, _, rest = key.partition(".")
    if not isinstance(description, dict) or first not in description:
        return False
    return not rest or _has(description[first], rest)
