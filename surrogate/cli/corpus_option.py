"""`--corpus`: one folder, or one folder per member of a mix."""

from collections.abc import Sequence
from pathlib import Path

from graph_encoding.common.errors import UserError

CORPUS_HELP = "Folder of the corpus; for a mix, NAME=PATH once per member."


def corpus_roots(values: Sequence[str]) -> Path | dict[str, Path]:
    """The folders that a command line names.

    Args:
        values: what stood behind each `--corpus`, at least one.

    Raises:
        UserError: if there are several and one has no name, or a name stands twice.

    >>> sorted(corpus_roots(["timit=a", "voices=b"]))
    ['timit', 'voices']
    """
    # An existing folder may have "=" in its name.
    if len(values) == 1 and ("=" not in values[0] or Path(values[0]).exists()):
        return Path(values[0])
    roots: dict[str, Path] = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not separator or not name or not path:
            raise UserError(
                f"several corpora must be given as --corpus NAME=PATH each, but got {value!r}"
            )
        if name in roots:
            raise UserError(f"each corpus must be named once, but {name!r} stands twice")
        roots[name] = Path(path)
    return roots
