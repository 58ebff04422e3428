"""TIMIT's phones: the 61 transcribed, the 48 trained on and the 39 scored, and the maps between."""

from collections.abc import Iterable

from graph_encoding.errors import UserError

GLOTTAL_STOP = "q"

_FOLD_61_TO_48 = {
    "ax-h": "ax",
    "axr": "er",
    "bcl": "vcl",
    "dcl": "vcl",
    "eng": "ng",
    "gcl": "vcl",
    "h#": "sil",
    "hv": "hh",
    "kcl": "cl",
    "nx": "n",
    "pau": "sil",
    "pcl": "cl",
    "tcl": "cl",
    "em": "m",
    "ux": "uw",
}
_FOLD_48_TO_39 = {
    "ao": "aa",
    "ax": "ah",
    "cl": "sil",
    "el": "l",
    "en": "n",
    "epi": "sil",
    "ix": "ih",
    "vcl": "sil",
    "zh": "sh",
}
_KEPT = (
    "aa ae ah ao aw ax ay b ch d dh dx eh el en epi er ey f g hh ih ix iy jh k l m n ng ow oy p "
    "r s sh t th uh uw v w y z zh"
).split()

PHONES_61 = tuple(sorted({*_KEPT, *_FOLD_61_TO_48, GLOTTAL_STOP}))
PHONES_48 = tuple(sorted({*_KEPT, *_FOLD_61_TO_48.values()}))
PHONES_39 = tuple(sorted({_FOLD_48_TO_39.get(phone, phone) for phone in PHONES_48}))
"""Source of the three sets and the maps: Kaldi's `egs/timit/s5/conf/phones.60-48-39.map`."""

_INDEX_48 = {phone: index for index, phone in enumerate(PHONES_48, start=1)}
_INDEX_39 = {phone: index for index, phone in enumerate(PHONES_39, start=1)}
_SCORING_INDEX = {
    index: _INDEX_39[_FOLD_48_TO_39.get(phone, phone)] for phone, index in _INDEX_48.items()
}


def fold_to_48(phones: Iterable[str]) -> tuple[str, ...]:
    """Fold transcribed phones to the 48 training classes; the glottal stop is deleted.

    Repeats that folding creates are kept, as in the original.

    Raises:
        UserError: for a label that is not one of `PHONES_61`.

    >>> fold_to_48(["h#", "q", "tcl", "t"])
    ('sil', 'cl', 't')
    """
    folded = []
    for phone in phones:
        if phone not in PHONES_61:
            raise UserError(
                f"a phone must be one of TIMIT's 61 labels, but got {phone!r}; "
                f"they are: {' '.join(PHONES_61)}"
            )
        if phone != GLOTTAL_STOP:
            folded.append(_FOLD_61_TO_48.get(phone, phone))
    return tuple(folded)


def label_indices(phones: Iterable[str]) -> tuple[int, ...]:
    """Labels to train on: 1 + rank among the sorted 48 classes (0 is the CTC blank).

    Args:
        phones: transcribed phones, of the 61.
    """
    return tuple(_INDEX_48[phone] for phone in fold_to_48(phones))


def fold_labels_to_39(labels: Iterable[int]) -> tuple[int, ...]:
    """Scoring classes of training labels: 1 + rank among the sorted 39 classes.

    Args:
        labels: 1 .. 48, as `label_indices` gives them; the blank is not one.

    Raises:
        UserError: for any other number.

    >>> fold_labels_to_39(label_indices(["ao", "aa"]))
    (1, 1)
    """
    try:
        return tuple(_SCORING_INDEX[label] for label in labels)
    except KeyError as e:
        raise UserError(
            f"a training label must be 1 to {len(PHONES_48)} (0 is the CTC blank, which has no "
            f"scoring class), but got {e.args[0]}"
        ) from e
