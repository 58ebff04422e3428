"""TIMIT's phones: 61 in transcripts, 48 for training, 39 for scoring, and their maps.

Source: Kaldi's `egs/timit/s5/conf/phones.60-48-39.map`.
"""

GLOTTAL_STOP = "q"
"""Left out of the 48."""

FOLD_61_TO_48 = {
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
FOLD_48_TO_39 = {
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

PHONES_61 = tuple(sorted({*_KEPT, *FOLD_61_TO_48, GLOTTAL_STOP}))
PHONES_48 = tuple(sorted({*_KEPT, *FOLD_61_TO_48.values()}))
PHONES_39 = tuple(sorted({FOLD_48_TO_39.get(phone, phone) for phone in PHONES_48}))
