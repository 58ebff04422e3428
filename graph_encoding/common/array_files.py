"""NumPy files of named arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an `.npz` file; arrays of objects are refused.

    Raises:
        Exception: of any type if the file is damaged; see `common.errors.unreadable`.
    """
    # Opened here: NumPy leaves a damaged archive open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)
