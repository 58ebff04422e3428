"""The errors of nasasr: every error that a user can cause is a `UserError`."""

from collections.abc import Iterator
from contextlib import contextmanager


class NasasrError(Exception):
    """Base of all errors that this library raises."""


class UserError(NasasrError, ValueError):
    """Wrong input: the message names the rule, the value and the remedy."""


class CellFormatError(UserError):
    """A cell description that does not follow the grammar of `Cell`."""


class DeadCellError(UserError):
    """A cell whose output does not depend on its input, where an error rate is asked for.

    A search over points of the space meets such cells: catch this error and prune the trial, or
    search over functions (`CellSpace.representatives`), which has no dead one.
    """


class UnknownNameError(UserError):
    """A name that is not registered; the message lists the registered ones."""


class CorruptFileError(UserError):
    """A file contradicts its folder's metadata; the message names both."""


class MissingExtraError(NasasrError, ImportError):
    """An optional dependency is absent; the message names the extra that brings it.

    Without an extra it is one that is installed by its own name.
    """

    def __init__(self, package: str, extra: str | None) -> None:
        by = (
            f"pip install {package}"
            if extra is None
            else f"pip install 'nasasr[{extra}]', in a checkout: pip install -e '.[{extra}]'"
        )
        super().__init__(
            f"this needs the package {package!r}, which is not installed; install it with: {by}"
        )
        self.package = package
        self.extra = extra


def shown(value: object, most: int = 80) -> str:
    """The `repr` of a value for a message, of at most `most` characters.

    >>> shown("1" * 100, 12)
    "'11111111..."
    """
    try:
        text = repr(value)
    # Deep lists, long integers and foreign objects raise errors of any type.
    except Exception:
        text = object.__repr__(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


@contextmanager
def unreadable(rule: str, remedy: str) -> Iterator[None]:
    """Turn any error of reading a damaged file into a `UserError`.

    Args:
        rule: what the file or folder must be.
        remedy: what the user can do.

    Raises:
        UserError: with the rule, the error and the remedy.
    """
    try:
        yield
    except NasasrError:
        raise
    # NumPy, zipfile, zlib, tokenize, pyarrow and XGBoost raise a dozen unrelated error types.
    except Exception as e:
        raise UserError(
            f"{rule}, but it cannot be read: {type(e).__name__}: {e!s:.300}; {remedy}"
        ) from e
