"""CTC: loss of a batch, and decoding of outputs to phone labels."""

from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from graph_encoding.common.errors import UserError

BLANK = 0

_HASH_FACTOR = 0x5851F42D4C957F2D
"""Source: Knuth's MMIX generator; odd, with well-distributed bits."""


def ctc_loss(
    log_probs_BTV: Tensor,
    lengths_B: Tensor,
    labels: Tensor,
    label_lengths_B: Tensor,
    *,
    per: Literal["frame", "label"],
) -> Tensor:
    """Mean over utterances of the CTC loss, each divided by its length.

    Args:
        log_probs_BTV: (B, T, V) log-probabilities.
        lengths_B: (B,) output frames of each utterance.
        labels: (sum of label lengths,) int64 labels, without blanks.
        label_lengths_B: (B,) labels of each utterance.
        per: "frame" divides by (output frames + 1), "label" by the number of labels.

    Source: Graves et al., ICML 2006; "frame" as in SamsungLabs/nb-asr
        `nasbench_asr/training/tf/metrics/ctc.py`.
    """
    losses_B = ctc_losses(log_probs_BTV, lengths_B, labels, label_lengths_B)
    return (losses_B / (lengths_B + 1 if per == "frame" else label_lengths_B)).mean()


def ctc_losses(
    log_probs_BTV: Tensor, lengths_B: Tensor, labels: Tensor, label_lengths_B: Tensor
) -> Tensor:
    """(B,) CTC loss of each utterance in nats: minus the log-probability of its labels."""
    return functional.ctc_loss(
        log_probs_BTV.transpose(0, 1),
        labels,
        lengths_B,
        label_lengths_B,
        blank=BLANK,
        reduction="none",
    )


def frame_cross_entropy(
    log_probs_BTV: Tensor, lengths_B: Tensor, frame_labels_BT: Tensor, stride: int
) -> Tensor:
    """Mean over utterances of the cross-entropy of their output frames against aligned labels.

    An output frame is compared with the label in the middle of its `stride` input frames. Frames
    without a label, and utterances without any, are left out.

    Args:
        log_probs_BTV: (B, T_out, V) log-probabilities.
        lengths_B: (B,) output frames of each utterance.
        frame_labels_BT: (B, T) labels of input frames, the blank's index where unknown.
        stride: input frames per output frame.
    """
    targets = frame_labels_BT[:, stride // 2 :: stride]
    frames = log_probs_BTV.shape[1]
    targets = functional.pad(targets, (0, max(0, frames - targets.shape[1])), value=BLANK)
    targets = targets[:, :frames]
    labelled = (targets != BLANK) & (
        torch.arange(frames, device=targets.device) < lengths_B[:, None]
    )
    picked_BT = log_probs_BTV.gather(2, targets[:, :, None])[:, :, 0]
    counts_B = labelled.sum(dim=1)
    sums_B = -(picked_BT * labelled).sum(dim=1)
    return (sums_B / counts_B.clamp(min=1)).sum() / (counts_B > 0).sum().clamp(min=1)


class Decoder(Protocol):
    """Decodes a batch of log-probabilities to label sequences."""

    def __call__(self, log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
        """Decode (B, T, V) log-probabilities with lengths (B,) to B label lists."""
        ...


def greedy_decode(log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
    """The most probable output of each frame, with repetitions merged and without blanks.

    >>> log_probs = torch.eye(3)[[1, 1, 0, 1, 2]][None].log()
    >>> greedy_decode(log_probs, torch.tensor([4]))
    [[1, 1]]
    """
    best_BT = log_probs_BTV.argmax(dim=-1)
    decoded = []
    for row_T, length in zip(best_BT, lengths_B.tolist(), strict=True):
        merged = torch.unique_consecutive(row_T[:length])
        decoded.append(merged[merged != BLANK].tolist())
    return decoded


class BeamDecoder:
    """CTC beam search over label sequences, without a language model.

    Each label sequence of the beam has two probabilities, of ending in blank and of ending in its
    last label; their sum ranks it. All utterances of a batch advance frame by frame.

    Args:
        width: label sequences of the beam; the original uses 12.

    Raises:
        UserError: if the width is below 1.

    Source: Graves, "Supervised Sequence Labelling with Recurrent Neural Networks", 2012, section
        7.5; tensorflow `core/util/ctc/ctc_beam_search.h`, which SamsungLabs/nb-asr decodes with
        (`tf.nn.ctc_beam_search_decoder(beam_width=12)`, repeats not merged).
    """

    def __init__(self, width: int = 12) -> None:
        if width < 1:
            raise UserError(f"beam width must be >= 1, but got {width}")
        self._width = width

    def __call__(self, log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
        """Decode (B, T, V) log-probabilities into B label lists."""
        log_probs_BTV = log_probs_BTV.detach().cpu().double()
        lengths_B = lengths_B.cpu()
        beams = _Beams(len(log_probs_BTV), self._width)
        for frame in range(int(lengths_B.max()) if len(lengths_B) else 0):
            beams.step(log_probs_BTV[:, frame], lengths_B > frame)
        return beams.best()


class _Beams:
    """Beams of a batch: W label sequences for each of B utterances, the most probable first.

    A 64-bit hash identifies a label sequence, so that its extensions can be found in the beam.
    """

    def __init__(self, batch: int, width: int) -> None:
        self._width = width
        self._blank_BW = torch.full((batch, width), -torch.inf, dtype=torch.float64)
        self._blank_BW[:, 0] = 0.0
        self._label_BW = torch.full_like(self._blank_BW, -torch.inf)
        self._last_BW = torch.full((batch, width), BLANK)
        self._hash_BW = torch.zeros(batch, width, dtype=torch.int64)
        self._steps: list[tuple[Tensor, Tensor]] = []

    def step(self, log_probs_BV: Tensor, active_B: Tensor) -> None:
        """Process one frame of the utterances that still have one."""
        last_BW = self._last_BW
        total_BW = torch.logaddexp(self._blank_BW, self._label_BW)
        stay_blank_BW = total_BW + log_probs_BV[:, BLANK, None]
        stay_label_BW = self._label_BW + log_probs_BV.gather(1, last_BW)
        # A label extends a sequence that ends in the same label only after a blank.
        extended_BWV = total_BW[:, :, None].expand(-1, -1, log_probs_BV.shape[1]).clone()
        extended_BWV.scatter_(2, last_BW[:, :, None], self._blank_BW[:, :, None])
        extended_BWV += log_probs_BV[:, None]
        extended_BWV[:, :, BLANK] = -torch.inf
        stay_label_BW = self._merge(extended_BWV, stay_label_BW)

        stay_BW = torch.logaddexp(stay_blank_BW, stay_label_BW)
        scores_BN = torch.cat([stay_BW, extended_BWV.flatten(1)], dim=1)
        chosen_BW = scores_BN.topk(self._width, dim=1).indices
        stays_BW = chosen_BW < self._width
        outputs = log_probs_BV.shape[1]
        source_BW = torch.where(stays_BW, chosen_BW, (chosen_BW - self._width) // outputs)
        added_BW = torch.where(stays_BW, BLANK, (chosen_BW - self._width) % outputs)

        def keep(new_BW: Tensor, old_BW: Tensor) -> Tensor:
            return torch.where(active_B[:, None], new_BW, old_BW)

        source_BW = keep(source_BW, torch.arange(self._width).expand_as(source_BW))
        added_BW = keep(added_BW, torch.zeros_like(added_BW))
        extended_BW = scores_BN.gather(1, chosen_BW)
        blank_BW = stay_blank_BW.gather(1, source_BW).masked_fill(~stays_BW, -torch.inf)
        label_BW = torch.where(stays_BW, stay_label_BW.gather(1, source_BW), extended_BW)
        self._blank_BW = keep(blank_BW, self._blank_BW)
        self._label_BW = keep(label_BW, self._label_BW)
        old_hash_BW, old_last_BW = self._hash_BW.gather(1, source_BW), last_BW.gather(1, source_BW)
        grows_BW = added_BW != BLANK
        self._hash_BW = torch.where(grows_BW, _extend(old_hash_BW, added_BW), old_hash_BW)
        self._last_BW = torch.where(grows_BW, added_BW, old_last_BW)
        self._steps.append((source_BW, added_BW))

    def _merge(self, extended_BWV: Tensor, stay_label_BW: Tensor) -> Tensor:
        """Merge extensions that are equal to sequences of the beam."""
        alive_BW = (self._blank_BW > -torch.inf) | (self._label_BW > -torch.inf)
        # [b, i, j]: sequence i, extended by the last label of sequence j, is sequence j.
        grown_BWW = _extend(self._hash_BW[:, :, None], self._last_BW[:, None, :])
        same_BWW = grown_BWW == self._hash_BW[:, None, :]
        same_BWW &= (self._last_BW != BLANK)[:, None, :] & alive_BW[:, None, :]
        same_BWW &= alive_BW[:, :, None]
        utterance, source, place = same_BWW.nonzero(as_tuple=True)
        label = self._last_BW[utterance, place]
        merged_BW = stay_label_BW.clone()
        merged_BW[utterance, place] = torch.logaddexp(
            stay_label_BW[utterance, place], extended_BWV[utterance, source, label]
        )
        extended_BWV[utterance, source, label] = -torch.inf
        return merged_BW

    def best(self) -> list[list[int]]:
        """The most probable label sequence of each utterance."""
        place_B = torch.logaddexp(self._blank_BW, self._label_BW).argmax(dim=1, keepdim=True)
        added: list[Tensor] = []
        for source_BW, added_BW in reversed(self._steps):
            added.append(added_BW.gather(1, place_B))
            place_B = source_BW.gather(1, place_B)
        if not added:
            return [[] for _ in place_B]
        rows = torch.cat(added[::-1], dim=1).tolist()
        return [[label for label in row if label != BLANK] for row in rows]


def _extend(hashes: Tensor, labels: Tensor) -> Tensor:
    """Hashes of label sequences with one more label, modulo 2^64."""
    return (hashes + labels + 1) * _HASH_FACTOR


def make_decoder(name: str) -> Decoder:
    """The decoder of a recipe: "greedy" or "beam12".

    Raises:
        UserError: if the name is unknown.
    """
    if name == "greedy":
        return greedy_decode
    if name == "beam12":
        return BeamDecoder(width=12)
    raise UserError(f"a decoder must be 'greedy' or 'beam12', but got {name!r}")
