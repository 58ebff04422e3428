"""Phone error rate of a corpus."""

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from graph_encoding.common.errors import UserError


def corpus_per(hypotheses: Sequence[Sequence[int]], references: Sequence[Sequence[int]]) -> float:
    """Phone error rate of a corpus: total edits divided by total reference phones.

    Args:
        hypotheses: n decoded phone sequences, as scoring labels.
        references: n true phone sequences, likewise, in the same order.

    Returns:
        Error rate as a fraction, >= 0 (it may exceed 1).

    Raises:
        UserError: if the lengths differ, or there is no reference phone.

    Source: Levenshtein distance as in SamsungLabs/nb-asr `training/torch/trainer.py`, but summed
        over the corpus, not averaged per batch.

    >>> corpus_per([[1, 2]], [[1, 3]])
    0.5
    """
    if len(hypotheses) != len(references):
        raise UserError(
            "there must be one hypothesis for each reference, "
            f"but got {len(hypotheses)} hypotheses and {len(references)} references"
        )
    phones = sum(len(reference) for reference in references)
    if phones == 0:
        raise UserError(f"{len(references)} references have no phone; an error rate needs one")
    edits = sum(
        Levenshtein.distance(hypothesis, reference)
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    )
    return edits / phones
