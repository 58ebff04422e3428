"""The latency estimate: known answers, and its correction for drift."""

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from train_benchmark.latency.config import MethodConfig
from train_benchmark.latency.drift import Block, ReferenceTrack, corrected_centre
from train_benchmark.latency.measure import baseline_seconds, measure

METHOD = MethodConfig(
    cells_at_a_time=4,
    loads=1,
    rounds=40,
    runs=3,
    discarded_runs=1,
    reference_every=1,
    max_relative_error=0.01,
    max_attempts=3,
    baseline_seconds=0.0,
)


class Machine:
    """A clock that networks advance, at their own speed and the machine's."""

    def __init__(self, seed: int = 0) -> None:
        self.now = 0.0
        self.rng = np.random.default_rng(seed)

    def slowness(self) -> float:
        """It grows by 30 % per minute, and other load comes and goes."""
        return (1 + 0.3 * self.now / 60) * (1.4 if self.now % 0.5 < 0.2 else 1.0)

    def network(self, seconds: float, noise: float = 0.02):  # noqa: ANN201
        def run() -> None:
            self.now += seconds * self.slowness() * (1 + noise * abs(self.rng.standard_normal()))

        return run


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr("time.perf_counter", lambda: machine.now)
    monkeypatch.setattr(
        "time.sleep", lambda seconds: setattr(machine, "now", machine.now + seconds)
    )
    return machine


def block(at_s: float, *runs_s: float) -> Block:
    return Block(at_s, np.array(runs_s))


def test_the_centre_of_a_block_is_its_fastest_run() -> None:
    assert block(0.0, 3.0, 2.0, 9.0).centre_s == 2.0


def test_the_track_is_log_linear_between_its_blocks_and_constant_outside() -> None:
    track = ReferenceTrack.of([block(1.0, 1.0), block(3.0, 4.0)])
    np.testing.assert_allclose(track.at(np.array([0.0, 1.0, 2.0, 3.0, 9.0])), [1, 1, 2, 4, 4])


@pytest.mark.parametrize(
    ("at_s", "seconds"), [([], []), ([1.0, 0.0], [1.0, 1.0]), ([0.0], [0.0]), ([0.0], [1.0, 2.0])]
)
def test_an_inconsistent_track_is_refused(at_s: list[float], seconds: list[float]) -> None:
    with pytest.raises(UserError, match="a reference track must have"):
        ReferenceTrack(np.array(at_s), np.array(seconds))


def test_a_known_centre() -> None:
    track = ReferenceTrack.of([block(0.0, 2.0), block(4.0, 2.0)])
    blocks = [block(float(i), value) for i, value in enumerate([8.0, 10.0, 12.0, 14.0, 16.0])]
    centre = corrected_centre(blocks, track, baseline_s=1.0)
    assert (centre.latency_s, centre.drift_factor) == (6.0, 2.0)
    # Quartiles 5 and 7: 2 / 1.349 standard deviations, of five values, of a median.
    assert centre.error_s == pytest.approx(2 / 1.349 * np.sqrt(np.pi / 2) / np.sqrt(5))


def test_drift_and_other_load_are_corrected_for(machine: Machine) -> None:
    true_s = [0.010, 0.0103, 0.0106, 0.012]
    reference = machine.network(0.011)
    networks = [[machine.network(seconds)] for seconds in true_s]
    baseline_s = baseline_seconds(reference, METHOD)
    results = measure(networks, reference, METHOD, baseline_s, np.random.default_rng(0))
    found = np.array([result.centre.latency_s for result in results])
    uncorrected = np.array([result.quantiles_s[3] for result in results])
    ratios = np.array(true_s) / true_s[0]
    np.testing.assert_allclose(found / found[0], ratios, rtol=0.01)
    assert np.abs(uncorrected / uncorrected[0] / ratios - 1).max() > 0.05
    assert machine.now > 10  # so long that the machine did change


def test_results_do_not_depend_on_when_they_are_measured(machine: Machine) -> None:
    reference, network = machine.network(0.011), machine.network(0.013)
    baseline_s = baseline_seconds(reference, METHOD)
    early = measure([[network]], reference, METHOD, baseline_s, np.random.default_rng(0))[0]
    machine.now += 120.0
    late = measure([[network]], reference, METHOD, baseline_s, np.random.default_rng(1))[0]
    assert late.centre.drift_factor > 1.4 * early.centre.drift_factor
    assert late.centre.latency_s == pytest.approx(early.centre.latency_s, rel=0.01)


def test_only_noisy_networks_are_measured_again_and_marked(machine: Machine) -> None:
    reference = machine.network(0.011)
    networks = [[machine.network(0.01)], [machine.network(0.01, noise=3.0)]]
    quiet, noisy = measure(networks, reference, METHOD, 0.011, np.random.default_rng(0))
    assert (quiet.attempts, quiet.repetitions, quiet.noisy) == (1, 120, False)
    assert (noisy.attempts, noisy.repetitions, noisy.noisy) == (3, 360, True)


def test_quantiles_are_of_all_runs_and_rise(machine: Machine) -> None:
    (result,) = measure(
        [[machine.network(0.01)]], machine.network(0.011), METHOD, 0.011, np.random.default_rng(0)
    )
    assert len(result.quantiles_s) == 7
    assert list(result.quantiles_s) == sorted(result.quantiles_s)
    assert result.quantiles_s[0] >= 0.01


def test_loads_of_one_network_count_equally() -> None:
    track = ReferenceTrack.of([block(0.0, 1.0)])
    blocks = [block(float(i), 1.0 if i % 2 else 3.0) for i in range(40)]
    centre = corrected_centre(blocks, track, baseline_s=1.0, loads=2)
    assert centre.latency_s == 2.0
    # Whatever the number of rounds, two different loads are two values.
    assert centre.error_s == pytest.approx(np.std([1.0, 3.0], ddof=1) / np.sqrt(2))


def test_every_load_has_its_turn(machine: Machine) -> None:
    loads = [machine.network(0.01, noise=0.0), machine.network(0.012, noise=0.0)]
    (result,) = measure([loads], machine.network(0.011), METHOD, 0.011, np.random.default_rng(0))
    assert result.centre.latency_s == pytest.approx(0.011, rel=0.02)
