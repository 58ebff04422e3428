"""JSON as its standard has it."""

import json
from typing import Any, NoReturn


def strict_json(text: str) -> Any:
    """A value of JSON; NaN and infinities, which Python writes and reads, are none.

    Raises:
        ValueError: if the text is no JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as e:
        raise ValueError("it has lists within lists, or objects within objects, without end") from e


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
