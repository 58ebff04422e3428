"""Files of named arrays, as numpy writes them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an `.npz` file, none of which may hold objects.

    Raises:
        Exception: of any kind where the file is damaged; see
            `graph_encoding.common.errors.unreadable`.
    """
    # Opened here: numpy leaves a file open that turns out to be no archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)
