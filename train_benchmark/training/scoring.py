"""Scores of a network on held-out utterances: edits, phone error rate, CTC loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from rapidfuzz.distance import Levenshtein
from torch import nn

from train_benchmark.corpora.symbols.label_sets import LabelSet
from train_benchmark.features.batching import Batch, evaluation_batches
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.training.ctc import Decoder, ctc_losses

EVALUATION_FRAMES = 1 << 16
"""Largest batch in scoring; without a limit the paper's network needs 10 GB."""


@dataclass(frozen=True)
class SetScores:
    """Scores of one held-out set; one entry per utterance, in the set's order.

    Attributes:
        edits: Levenshtein distances to the reference phones.
        phones: numbers of reference phones.
        ctc_loss: CTC losses in nats, or empty.
    """

    edits: tuple[int, ...]
    phones: tuple[int, ...]
    ctc_loss: tuple[float, ...]


def pooled_per(scores: Sequence[SetScores]) -> float:
    """Phone error rate of several sets together: all edits divided by all reference phones."""
    return sum(sum(one.edits) for one in scores) / sum(sum(one.phones) for one in scores)


class Scorer:
    """Scores the held-out sets of a prepared corpus, in single precision.

    Args:
        corpus: the prepared corpus.
        decoder: decodes outputs to training labels.
        label_set: maps training labels to scoring labels.
        device: device of the network.
    """

    def __init__(
        self,
        corpus: PreparedCorpus,
        decoder: Decoder,
        label_set: LabelSet,
        device: torch.device,
    ) -> None:
        self._decoder = decoder
        self._label_set = label_set
        self._batches = {
            name: [batch.to(device) for batch in evaluation_batches(part, EVALUATION_FRAMES)]
            for name, part in corpus.held_out.items()
        }

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of all sets, in scoring order."""
        return tuple(self._batches)

    def score(
        self, model: nn.Module, names: Sequence[str], *, losses: bool = False
    ) -> dict[str, SetScores]:
        """Scores of sets by name; see `score_batches`."""
        return {
            name: score_batches(
                model, self._batches[name], self._decoder, self._label_set, losses=losses
            )
            for name in names
        }


def score_batches(
    model: nn.Module,
    batches: Sequence[Batch],
    decoder: Decoder,
    label_set: LabelSet,
    *,
    losses: bool,
) -> SetScores:
    """Scores of a model on all utterances of batches, in single precision.

    Args:
        model: the network; it remains in evaluation mode.
        batches: the batches.
        decoder: decodes outputs to training labels.
        label_set: maps training labels to scoring labels.
        losses: whether to compute CTC losses too.
    """
    model.eval()
    edits: list[int] = []
    phones: list[int] = []
    ctc_loss: list[float] = []
    for batch in batches:
        with torch.no_grad():
            log_probs_BTV, lengths_B = model(batch.features_BTC, batch.frames_B)
            if losses:
                ctc_loss += ctc_losses(
                    log_probs_BTV, lengths_B, batch.labels, batch.label_lengths_B
                ).tolist()
        decoded = decoder(log_probs_BTV.cpu(), lengths_B.cpu())
        for labels, reference in zip(decoded, batch.references, strict=True):
            edits.append(Levenshtein.distance(label_set.scoring_labels(labels), reference))
            phones.append(len(reference))
    return SetScores(tuple(edits), tuple(phones), tuple(ctc_loss))
