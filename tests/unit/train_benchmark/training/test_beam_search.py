"""The beam search decodes as the original's does: label sequences, each with two probabilities."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from numpy.typing import NDArray

from graph_encoding import UserError
from train_benchmark.training.ctc import BeamDecoder, greedy_decode, make_decoder

Floats = NDArray[np.float64]
Labels = tuple[int, ...]
Beam = dict[Labels, tuple[float, float]]


def drawn(seed: int, frames: int, outputs: int, sharpness: float) -> Floats:
    """(frames, outputs) log-probabilities around a path; sharp where `sharpness` is great."""
    rng = np.random.default_rng(seed)
    path = np.repeat(rng.integers(0, outputs, frames // 3 + 1), 3)[:frames]
    logits = rng.normal(size=(frames, outputs))
    logits[np.arange(frames), path] += sharpness
    return np.asarray(torch.from_numpy(logits).log_softmax(-1).numpy())


def prefix_beam(log_probs_TV: Floats, width: int) -> Labels:
    """A beam search written down as its definition: a dictionary of label sequences.

    Source: Graves, "Supervised Sequence Labelling with Recurrent Neural Networks", 2012, 7.5.
    """
    beam: Beam = {(): (0.0, -np.inf)}
    for row in log_probs_TV:
        following: Beam = {}
        for prefix, (blank, label) in beam.items():
            total = np.logaddexp(blank, label)
            add(following, prefix, total + row[0], -np.inf)
            for output in range(1, len(row)):
                repeats = prefix[-1:] == (output,)
                if repeats:
                    add(following, prefix, -np.inf, label + row[output])
                before = blank if repeats else total
                add(following, (*prefix, output), -np.inf, before + row[output])
        beam = dict(sorted(following.items(), key=lambda found: -np.logaddexp(*found[1]))[:width])
    return max(beam, key=lambda prefix: float(np.logaddexp(*beam[prefix])))


def add(beam: Beam, prefix: Labels, blank: float, label: float) -> None:
    """Add to the log-probabilities of a label sequence: ending in blank, and in its last label."""
    old_blank, old_label = beam.get(prefix, (-np.inf, -np.inf))
    beam[prefix] = (np.logaddexp(old_blank, blank), np.logaddexp(old_label, label))


def probabilities(log_probs_TV: Floats) -> dict[Labels, float]:
    """Log-probability of every label sequence, by summing over all paths."""
    total: dict[Labels, float] = {}
    frames, outputs = log_probs_TV.shape
    for path in itertools.product(range(outputs), repeat=frames):
        labels = tuple(output for output, _ in itertools.groupby(path) if output)
        score = float(log_probs_TV[range(frames), path].sum())
        total[labels] = float(np.logaddexp(total.get(labels, -np.inf), score))
    return total


def decode(decoder: BeamDecoder, batch: Sequence[Floats]) -> list[Labels]:
    """Decode rows of any lengths in one batch; what is beyond their ends is noise."""
    frames = max(len(row) for row in batch)
    log_probs_BTV = torch.randn(len(batch), frames, batch[0].shape[1]).log_softmax(-1).double()
    for padded, row in zip(log_probs_BTV, batch, strict=True):
        padded[: len(row)] = torch.from_numpy(row)
    lengths_B = torch.tensor([len(row) for row in batch])
    return [tuple(labels) for labels in decoder(log_probs_BTV, lengths_B)]


@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(1, 24), min_size=1, max_size=4),
    outputs=st.integers(2, 12),
    sharpness=st.sampled_from([0.0, 2.0, 5.0]),
    width=st.integers(1, 14),
)
def test_batched_decoding_equals_the_definition(
    seed: int, lengths: list[int], outputs: int, sharpness: float, width: int
) -> None:
    batch = [drawn(seed + i, frames, outputs, sharpness) for i, frames in enumerate(lengths)]
    expected = [prefix_beam(row, width) for row in batch]
    assert decode(BeamDecoder(width), batch) == expected


@pytest.mark.parametrize("sharpness", [1.0, 3.0, 6.0])
def test_a_beam_of_twelve_over_as_many_phones_and_frames_as_timit_has(sharpness: float) -> None:
    batch = [drawn(seed, 40 + 3 * seed, 49, sharpness) for seed in range(6)]
    decoder = make_decoder("beam12")
    assert isinstance(decoder, BeamDecoder)
    assert decode(decoder, batch) == [prefix_beam(row, 12) for row in batch]


def test_a_beam_that_holds_all_label_sequences_finds_the_most_probable() -> None:
    for seed in range(20):
        total = probabilities(row := drawn(seed, 5, 4, 0.0))
        (found,) = decode(BeamDecoder(len(total)), [row])
        assert total[found] == pytest.approx(max(total.values()))


def test_a_beam_of_twelve_finds_the_most_probable_in_short_utterances() -> None:
    """A search whose places are paths, or whose last choice is one of two endings, does not."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        logits = torch.tensor(rng.normal(size=(6, 4)) * 2, dtype=torch.float32)
        total = probabilities(row := np.asarray(logits.double().log_softmax(-1).numpy()))
        (found,) = decode(BeamDecoder(12), [row])
        assert total[found] == pytest.approx(max(total.values()))


def test_both_endings_of_a_label_sequence_count() -> None:
    """Graves, figure 7.5: blank is the best path, but `a` has the greater probability, .58."""
    row = np.log([[0.7, 0.3], [0.6, 0.4]])
    assert greedy_decode(torch.from_numpy(row)[None], torch.tensor([2])) == [[]]
    assert decode(BeamDecoder(2), [row]) == [(1,)]
    assert probabilities(row)[1,] == pytest.approx(np.log(0.58))


def test_repeated_labels_need_a_blank_and_are_kept() -> None:
    """The original's decoder merges no repeats of its output."""
    path = torch.tensor([[1, 0, 1, 1, 0, 2, 2, 2]])
    log_probs = torch.nn.functional.one_hot(path, 3).double().mul(20).log_softmax(-1)
    assert BeamDecoder(12)(log_probs, torch.tensor([8])) == [[1, 1, 2]]


def test_zero_frames_decode_to_no_labels() -> None:
    log_probs = torch.zeros(2, 3, 5).log_softmax(-1)
    assert BeamDecoder(3)(log_probs, torch.tensor([0, 0])) == [[], []]
    assert BeamDecoder(3)(log_probs[:0], torch.tensor([], dtype=torch.int64)) == []
    (empty, _) = BeamDecoder(3)(log_probs, torch.tensor([0, 2]))
    assert empty == []


def test_a_beam_without_a_place_is_refused() -> None:
    with pytest.raises(UserError, match="beam width must be >= 1, but got 0"):
        BeamDecoder(0)
