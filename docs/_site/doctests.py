"""Examples in docstrings become code blocks: docstrings have them without a heading or a fence."""

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"(?m)^(?P<indent> *)>>> (?:.*\n?)(?:(?P=indent)\S.*\n?|(?P=indent) .*\n?)*")


class FencedDoctests(Extension):
    """Puts a fence around every run of lines that starts with a prompt."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of an object in place."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(match: re.Match[str]) -> str:
    indent = match["indent"]
    return f"{indent}```pycon\n{match[0].rstrip()}\n{indent}```\n"
