"""A registry that refuses duplicates and lists its names in errors."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from graph_encoding.common.errors import UnknownNameError, UserError, shown

T = TypeVar("T")


class Registry(Generic[T]):
    """Values by name, in order of registration.

    Args:
        noun: the kind of an entry, in the singular, for error messages.
    """

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._entries: dict[str, T] = {}

    def register(self, name: str, value: T) -> T:
        """Add an entry; adding an equal one again changes nothing.

        Raises:
            UserError: if the name is registered with a different value.
        """
        if name in self._entries and self._entries[name] != value:
            raise UserError(
                f"{self._noun} names must be unique, but {name!r} is registered as "
                f"{self._entries[name]!r}; choose another name"
            )
        self._entries[name] = value
        return value

    def get(self, name: str) -> T:
        """Look an entry up.

        Raises:
            UnknownNameError: if the name is unknown; lists the known ones.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(
                f"unknown {self._noun} {shown(name)}; known: {', '.join(self._entries)}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def values(self) -> tuple[T, ...]:
        """All entries, in order of registration."""
        return tuple(self._entries.values())
