"""CTC: loss of a batch, and decoding of its outputs into phone labels."""

import itertools
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from graph_encoding.errors import UserError

BLANK = 0


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
        labels: (sum of label lengths,) int64 labels, none of them the blank.
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

    An output frame is compared with the label in the middle of the `stride` input frames that it
    stands for. Frames without a label are left out, and so are utterances without any.

    Args:
        log_probs_BTV: (B, T_out, V) log-probabilities.
        lengths_B: (B,) output frames of each utterance.
        frame_labels_BT: (B, T) labels of input frames, the blank's index where none is known.
        stride: input frames for each output frame.
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


def required_frames(labels: Sequence[int]) -> int:
    """Output frames that CTC needs for a label sequence: repeats need a blank between them.

    >>> required_frames([3, 3, 5])
    4
    """
    return len(labels) + sum(a == b for a, b in itertools.pairwise(labels))


class Decoder(Protocol):
    """Turns a batch of log-probabilities into label sequences."""

    def __call__(self, log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
        """Decode (B, T, V) log-probabilities of the given lengths (B,) into B label lists."""
        ...


def greedy_decode(log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
    """The most probable output of each frame, repeats merged and blanks dropped.

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
    """CTC beam search without a language model, by flashlight-text through torchaudio.

    Args:
        outputs: number of classes V, the blank included.
        width: beams kept; the original uses 12.

    Source: SamsungLabs/nb-asr decodes with `tf.nn.ctc_beam_search_decoder(beam_width=12)`.
    """

    def __init__(self, outputs: int, width: int = 12) -> None:
        if width < 1:
            raise UserError(f"beam width must be >= 1, but got {width}")
        from torchaudio.models.decoder import ctc_decoder

        tokens = ["<blank>", *(f"<{i}>" for i in range(1, outputs)), "<sil>"]
        # The silence token that the decoder asks for is an output of its own here, which the
        # network never gives any probability: `__call__` appends it.
        self._decoder: Any = ctc_decoder(
            lexicon=None,
            tokens=tokens,
            lm=None,
            nbest=1,
            beam_size=width,
            beam_threshold=1e9,
            blank_token="<blank>",  # noqa: S106 -- a class, no password
            sil_token="<sil>",  # noqa: S106
            log_add=True,
        )

    def __call__(self, log_probs_BTV: Tensor, lengths_B: Tensor) -> list[list[int]]:
        """Decode (B, T, V) log-probabilities into B label lists."""
        never = torch.full((*log_probs_BTV.shape[:2], 1), -1e4)
        emissions = torch.cat([log_probs_BTV.detach().float().cpu(), never], dim=-1).contiguous()
        silence = emissions.shape[-1] - 1
        hypotheses = self._decoder(emissions, lengths_B.to(torch.int32).cpu())
        return [
            [token for token in best[0].tokens.tolist() if token not in (BLANK, silence)]
            for best in hypotheses
        ]


def make_decoder(name: str, outputs: int) -> Decoder:
    """The decoder that a recipe names: "greedy" or "beam12".

    Raises:
        UserError: for another name.
    """
    if name == "greedy":
        return greedy_decode
    if name == "beam12":
        return BeamDecoder(outputs, width=12)
    raise UserError(f"a decoder must be 'greedy' or 'beam12', but got {name!r}")
