"""Packages that a command needs and a light installation lacks."""

from collections.abc import Iterator
from contextlib import contextmanager

from graph_encoding.common.errors import MissingExtraError


@contextmanager
def imports_of(extra: str) -> Iterator[None]:
    """Context in which a command imports packages of an extra.

    Args:
        extra: name of the extra.

    Raises:
        MissingExtraError: if a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or extra, extra) from e
