"""Packages that a command needs and a light installation lacks."""

from collections.abc import Iterator
from contextlib import contextmanager

from graph_encoding.common.errors import MissingExtraError


@contextmanager
def imports_of(extra: str) -> Iterator[None]:
    """Where a command imports what an extra brings.

    Args:
        extra: the extra that brings it.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or extra, extra) from e
