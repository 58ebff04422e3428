"""Making many objects at once without garbage collections in between."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Pause Python's collector of reference cycles; afterwards it is as it was before.

    The collector runs again and again while objects are made, and looks at those that are there.
    Forecasts have no cycles, so that it finds nothing: for the whole space it takes a third of the
    time. The switch is that of the process: two threads may end each other's pause early, which
    costs time and nothing else.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
