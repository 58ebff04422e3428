"""Check that utterances are long enough for their labels."""

import itertools
from collections.abc import Sequence

from graph_encoding.common.errors import UserError
from train_benchmark.features.prepared import PreparedUtterance
from train_benchmark.recipe import Recipe


def required_frames(labels: Sequence[int]) -> int:
    """Output frames that CTC needs for a label sequence: a blank separates repeated labels.

    >>> required_frames([3, 3, 5])
    4
    """
    return len(labels) + sum(a == b for a, b in itertools.pairwise(labels))


def check_lengths(utterances: Sequence[PreparedUtterance], recipe: Recipe) -> None:
    """Check that CTC can align every utterance with its labels.

    Raises:
        UserError: if an utterance has no label, or too few output frames.
    """
    for utterance in utterances:
        frames = recipe.macro.output_frames(len(utterance.features))
        needed = required_frames(utterance.labels)
        if needed == 0:
            raise UserError(
                f"utterance {utterance.key} has no phone to recognise; remove it from the corpus"
            )
        if frames < needed:
            raise UserError(
                f"utterance {utterance.key} is too short for its labels: macro "
                f"{recipe.macro.name!r} gives {frames} output frames, but {len(utterance.labels)} "
                f"labels need {needed}; remove it or use a macro with a smaller total stride than "
                f"{recipe.macro.total_stride}"
            )
