"""A registry that refuses duplicates and lists its names in errors."""

import importlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

from graph_encoding.common.errors import UnknownNameError, UserError, shown

T = TypeVar("T")
K = TypeVar("K")


class Registry(Generic[T]):
    """Values by name, in order of registration.

    Args:
        noun: the kind of an entry, in the singular, for error messages.

    Attributes:
        noun: as given.
    """

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._entries: dict[str, T] = {}

    def register(self, name: str, value: T) -> T:
        """Add an entry; adding an equal one again changes nothing.

        A class that is defined anew, as by a cell of a notebook that runs again, takes the place
        of its former definition.

        Raises:
            UserError: if the name is registered with a different value.
        """
        known = self._entries.get(name, value)
        if known != value and not _define_the_same(known, value):
            raise UserError(
                f"{self.noun} names must be unique, but {name!r} is registered as "
                f"{known!r}; choose another name"
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
                f"unknown {self.noun} {shown(name)}; known: {', '.join(self._entries)}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def values(self) -> tuple[T, ...]:
        """All entries, in order of registration."""
        return tuple(self._entries.values())


def _define_the_same(one: object, other: object) -> bool:
    """Whether two values are classes of the same module and name."""
    return (
        isinstance(one, type)
        and isinstance(other, type)
        and (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
    )


def class_by_name(name: str, registry: Registry[type[K]], base: type[Any]) -> type[K]:
    """A registered class, or one of any module that can be imported, as `module:Class`.

    Args:
        name: the registered name, or `module:Class`.
        registry: classes by name.
        base: class that a class of another module must be derived from.

    Raises:
        UserError: if the name is neither registered nor `module:Class`, the module cannot be
            imported, or the class is not derived from the base.
    """
    module_name, colon, class_name = name.partition(":")
    if not colon:
        return registry.get(name)
    try:
        module = importlib.import_module(module_name)
    # Any error of the user's module; --debug shows the traceback.
    except Exception as e:
        raise UserError(
            f"{registry.noun} {name!r} must be module:Class, but module {module_name!r} cannot be "
            f"imported: {e!r}; install or correct it, or start from its folder"
        ) from e
    kind = getattr(module, class_name, None)
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise UserError(
            f"{registry.noun} {name!r} must name a subclass of {base.__name__}, but "
            f"{class_name!r} in {module_name!r} is {kind!r}; name a class that is derived from it"
        )
    return cast("type[K]", kind)
