"""Sentences for synthetic speech: a small grammar whose words contain every English phone."""

import numpy as np

from graph_encoding.common.errors import UserError

_WORDS = {
    "det": "the a this that each every another some his her our their no".split(),
    "adj": (
        "young measured azure brown quiet joyful thick thin leisurely smooth rough purple orange "
        "narrow clever gentle heavy loud sharp tiny broken usual casual rare royal noisy fair "
        "yellow sudden rotten better bitter little middle golden famous strange empty early"
    ).split(),
    "noun": (
        "bird church judge garage treasure thing father mother water button bottle kitten butter "
        "ladder city paper picture garden window yard voice choice boy toy house mouse cloud boat "
        "coat bridge badge vision thumb tooth leather feather shoulder book foot pudding engine "
        "uncle ankle finger singer song ring zebra music cure tour fire tower flower onion yacht "
        "chair bear ear deer heart star storm board nurse word world girl cup cat dog egg apple"
    ).split(),
    "verb": (
        "watches bathes chews joins measures enjoys catches pushes pulls throws shows breathes "
        "hears cheers follows finds turns learns carries visits wakes moves changes judges "
        "answers pours paints sings brings hangs washes touches loves hates needs buys sells "
        "gathers offers uses shuts lights kicks drops grabs digs begs robs adds"
    ).split(),
    "adv": (
        "today slowly again there here now usually together often never always outside somehow "
        "thoroughly carefully casually yesterday further early later"
    ).split(),
    "prep": "with under over behind beyond without through toward near above".split(),
}

_PATTERNS = {
    1: ("noun", "adv", "verb"),
    2: ("adj noun", "noun verb", "verb adv"),
    3: ("det noun verb", "noun verb adv", "verb det noun"),
    4: ("det adj noun verb", "noun verb det noun", "verb det noun adv"),
    5: ("det noun verb det noun", "noun verb prep det noun"),
    6: ("det noun verb det adj noun", "det noun verb det noun adv"),
    7: ("det adj noun verb det adj noun", "det noun verb det noun prep noun"),
    8: ("det adj noun verb det adj noun adv", "det noun verb det noun prep det noun"),
    9: ("det adj noun verb det noun prep det noun", "det noun verb det adj noun prep det noun"),
    10: ("det adj noun verb det adj noun prep det noun",),
}

MAX_WORDS = max(_PATTERNS)


def make_sentence(words: int, rng: np.random.Generator) -> str:
    """A random sentence in lower case, without punctuation.

    Args:
        words: number of words, 1 .. `MAX_WORDS`.
        rng: random generator.

    Raises:
        UserError: if the number is out of range.
    """
    if words not in _PATTERNS:
        raise UserError(f"a sentence must have 1 to {MAX_WORDS} words, but {words} were asked for")
    pattern = rng.choice(_PATTERNS[words])
    return " ".join(str(rng.choice(_WORDS[part])) for part in str(pattern).split())


def all_words() -> tuple[str, ...]:
    """All words of the grammar."""
    return tuple(word for words in _WORDS.values() for word in words)
