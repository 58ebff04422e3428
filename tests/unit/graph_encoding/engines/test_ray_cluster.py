"""The share of a cluster that a task takes."""

import pytest

from graph_encoding.engines.engine import Needs
from graph_encoding.engines.ray_cluster import share_of


@pytest.mark.parametrize(
    ("gpu", "resources", "expected"),
    [
        (True, {"CPU": 16.0, "GPU": 4.0}, (1, 4)),
        (True, {"CPU": 2.0, "GPU": 4.0}, (1, 2)),
        (True, {"CPU": 16.0}, (0, 16)),
        (False, {"CPU": 16.0, "GPU": 4.0}, (0, 16)),
        (False, {}, (0, 1)),
    ],
)
def test_tasks_ask_for_a_gpu_where_they_fill_one(
    gpu: bool, resources: dict[str, float], expected: tuple[int, int]
) -> None:
    assert share_of(Needs(gpu=gpu), resources) == expected
