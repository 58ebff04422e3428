"""The hash that identifies recipes, tables, configurations and artifacts by their content."""

import hashlib
import json


def content_hash(value: object) -> str:
    """Sha256 (hex) of a JSON value in canonical form.

    Saved files contain these hashes, so the canonical form must never change.

    Args:
        value: any value that `json.dumps` accepts.

    Raises:
        ValueError: if a number is not finite.

    >>> content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
