"""Preparation of corpora for training: features and labels, computed once and cached."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.array_files import read_arrays
from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.hashing import content_hash
from graph_encoding.macro import Macro
from train_benchmark.corpora.config import HELD_OUT_PARTS, CorpusConfig, MixConfig
from train_benchmark.corpora.layouts.audio_files import SAMPLE_RATE_HZ
from train_benchmark.corpora.layouts.read_corpus import read_corpus
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance
from train_benchmark.corpora.splits import split_corpus
from train_benchmark.corpora.symbols.label_sets import LabelSet
from train_benchmark.features.lengths import check_lengths
from train_benchmark.features.log_mel import LogMel, normalise
from train_benchmark.features.prepared import (
    NO_LABEL,
    PreparedCorpus,
    PreparedUtterance,
    TrainingPool,
)
from train_benchmark.recipe import Recipe

CorpusRoots = Path | Mapping[str, Path]
"""Folder of a recipe's only corpus, or the folders of a mix by member."""


@dataclass(frozen=True, eq=False)
class RecipeSpeech:
    """The corpora of a recipe.

    Attributes:
        config: the recipe's corpus configuration.
        corpora: corpora by member; without a mix, the only one is named "".
    """

    config: CorpusConfig | MixConfig
    corpora: Mapping[str, Corpus]

    @property
    def fingerprint(self) -> str:
        """sha256 of all corpora; without a mix, the corpus's own fingerprint."""
        fingerprints = {name: corpus.fingerprint for name, corpus in self.corpora.items()}
        return fingerprints[""] if "" in fingerprints else content_hash(fingerprints)

    @cached_property
    def annotations(self) -> str:
        """sha256 of what the fingerprint omits: the parts of the split, and the times.

        Texts and the corpora's own parts count as far as the split depends on them.

        Raises:
            UserError: if the split does not fit a corpus.
        """
        members = (
            {"": self.config}
            if isinstance(self.config, CorpusConfig)
            else {name: member.corpus for name, member in self.config.members.items()}
        )
        found = {}
        for name, corpus in self.corpora.items():
            parts = split_corpus(corpus, members[name])._asdict()
            found[name] = {part: [[u.key, u.times] for u in of] for part, of in parts.items()}
        return content_hash(found)


def read_speech(roots: CorpusRoots, recipe: Recipe) -> RecipeSpeech:
    """Read the corpora of a recipe.

    Args:
        roots: their folders.
        recipe: the recipe.

    Raises:
        UserError: if the folders do not fit the recipe's members, or a corpus breaks a rule.
    """
    config = recipe.corpus
    if isinstance(config, CorpusConfig):
        if not isinstance(roots, Path):
            raise UserError(
                f"corpus {config.name!r} is one folder, but got folders of {sorted(roots)}; give "
                "one path without a name"
            )
        return RecipeSpeech(config, {"": _read(roots, config)})
    names = list(config.members)
    if isinstance(roots, Path) or set(roots) != set(names):
        given = f"one folder, {roots}" if isinstance(roots, Path) else sorted(roots)
        raise UserError(
            f"corpus {config.name!r} is a mix and needs one folder per member, "
            f"{', '.join(f'{name}=PATH' for name in names)}, but got {given}"
        )
    members = config.members
    return RecipeSpeech(config, {name: _read(roots[name], members[name].corpus) for name in names})


def _read(root: Path, config: CorpusConfig) -> Corpus:
    return read_corpus(root, config, parts=config.parts, keep_sa=config.score_sa)


def prepare(speech: RecipeSpeech | Corpus, recipe: Recipe) -> PreparedCorpus:
    """Split corpora and compute features and labels.

    Features are normalised with the training utterances of their own corpus only, which reduces
    differences between the recording conditions of a mix.

    Args:
        speech: the corpora of the recipe; without a mix, a corpus.
        recipe: the recipe.

    Raises:
        UserError: if corpora are not those of the recipe, the split does not fit a corpus, label
            sets differ, an utterance is too short for its labels, or no utterance has the times
            that the recipe's frame loss needs.
    """
    if isinstance(speech, Corpus):
        speech = RecipeSpeech(recipe.corpus, {"": speech})
    config, labels = recipe.corpus, recipe.label_set
    needed = [""] if isinstance(config, CorpusConfig) else list(config.members)
    if set(speech.corpora) != set(needed):
        raise UserError(
            f"corpus {config.name!r} of the recipe needs {_named(needed)}, but got "
            f"{_named(speech.corpora)}; read it with `read_speech` and the recipe"
        )
    if isinstance(config, CorpusConfig):
        parts = _prepare_corpus(speech.corpora[""], config, recipe.macro, labels)
        prepared = PreparedCorpus.single(
            speech.fingerprint, parts["train"], parts["val"], parts["test"]
        )
    else:
        pools: list[TrainingPool] = []
        held_out: dict[str, tuple[PreparedUtterance, ...]] = {}
        for name, member in config.members.items():
            parts = _prepare_corpus(
                speech.corpora[name], member.corpus, recipe.macro, labels, f"{name}/"
            )
            pools.append(TrainingPool(name, member.share, parts["train"]))
            held_out |= {f"{name}/{part}": parts[part] for part in HELD_OUT_PARTS}
        prepared = PreparedCorpus(
            speech.fingerprint, tuple(pools), held_out, config.val, config.test
        )
    for utterances in (prepared.train, *prepared.held_out.values()):
        check_lengths(utterances, recipe)
    if recipe.train.frame_loss and not any(len(u.frame_labels) for u in prepared.train):
        raise UserError(
            f"[frame_loss] of recipe {recipe.train.name!r} needs a corpus with times of its "
            f"phones, but no utterance of {config.name!r} to train on has any; leave the section "
            "out, or add a corpus that has times with a share above 0"
        )
    return prepared


def _named(corpora: Iterable[str]) -> str:
    """Corpora in words; the only one of a recipe without a mix has no name."""
    names = sorted(corpora)
    return "one corpus without a name" if names == [""] else f"the members {', '.join(names)}"


def _prepare_corpus(
    corpus: Corpus, config: CorpusConfig, macro: Macro, label_set: LabelSet, prefix: str = ""
) -> dict[str, tuple[PreparedUtterance, ...]]:
    """The three parts of a corpus; `prefix` is prepended to the utterances' keys."""
    if corpus.labels != label_set:
        found = corpus.labels.name if corpus.labels else None
        raise UserError(
            f"corpus {config.name!r} must be read with the recipe's label set, "
            f"{label_set.name!r}, but was read with {found!r}; read it with `read_corpus` and the "
            "recipe's corpus configuration"
        )
    parts = split_corpus(corpus, config)._asdict()
    log_mel = LogMel(macro)
    raw = {part: [_features(log_mel, u) for u in utterances] for part, utterances in parts.items()}
    return {
        part: tuple(
            _prepare_utterance(utterance, matrix, macro, label_set, prefix)
            for utterance, matrix in zip(
                utterances, normalise(raw[part], raw["train"]), strict=True
            )
        )
        for part, utterances in parts.items()
    }


def _features(log_mel: LogMel, utterance: Utterance) -> NDArray[np.float32]:
    try:
        return log_mel(utterance.samples)
    except UserError as e:
        raise UserError(f"utterance {utterance.key}: {e}; remove it from the corpus") from e


def _prepare_utterance(
    utterance: Utterance,
    features: NDArray[np.float32],
    macro: Macro,
    label_set: LabelSet,
    prefix: str,
) -> PreparedUtterance:
    labels = label_set.labels(utterance.phones)
    return PreparedUtterance(
        key=prefix + utterance.key,
        features=features,
        labels=labels,
        reference=label_set.scoring_labels(labels),
        frame_labels=_frame_labels(utterance, len(features), macro, label_set),
    )


def _frame_labels(
    utterance: Utterance, frames: int, macro: Macro, label_set: LabelSet
) -> NDArray[np.int16]:
    """(frames,) label at the centre of each frame; empty without times."""
    if not utterance.times:
        return np.zeros(0, np.int16)
    shift = macro.frame_shift_s * SAMPLE_RATE_HZ
    first_centre = macro.frame_length_s * SAMPLE_RATE_HZ / 2
    found = np.full(frames, NO_LABEL, np.int16)
    for (start, end), phone in zip(utterance.times, utterance.phones, strict=True):
        label = label_set.labels((phone,))
        if label:
            first, behind = (
                max(0, int(np.ceil((sample - first_centre) / shift))) for sample in (start, end)
            )
            found[first:behind] = label[0]
    return found


def cache_path(folder: Path, recipe: Recipe, speech: RecipeSpeech) -> Path:
    """Cache file of a prepared corpus, with a hash of everything that it depends on."""
    config = recipe.corpus
    depends_on = {
        "form": 3,
        "corpus": speech.fingerprint,
        "annotations": speech.annotations,
        # A hash of an object does not depend on the order of its keys.
        "pools": list(speech.corpora),
        "mel_bins": recipe.macro.mel_bins,
        "frames_s": [recipe.macro.frame_length_s, recipe.macro.frame_shift_s],
        "split": config.model_dump(mode="json"),
    }
    return folder / f"features-{content_hash(depends_on)[:16]}.npz"


def save_prepared(prepared: PreparedCorpus, path: Path) -> None:
    """Write prepared utterances as plain arrays, atomically."""
    arrays: dict[str, np.ndarray] = {
        "fingerprint": np.array(prepared.fingerprint),
        "pools": np.array([pool.name for pool in prepared.pools]),
        "shares": np.array([pool.share for pool in prepared.pools]),
        "held_out": np.array(list(prepared.held_out)),
        "val_sets": np.array(prepared.val_sets),
        "test_sets": np.array(prepared.test_sets),
    }
    for pool in prepared.pools:
        arrays |= _arrays_of(f"pool/{pool.name}", pool.utterances)
    for name, utterances in prepared.held_out.items():
        arrays |= _arrays_of(f"held_out/{name}", utterances)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as scratch, scratch.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as e:
        raise UserError(f"cannot write features {path}: {e}") from e


def load_prepared(path: Path) -> PreparedCorpus:
    """The inverse of `save_prepared`.

    Raises:
        UserError: if the file is missing or was not written by `save_prepared`.
    """
    with unreadable(f"features {path} must be what this version writes", "delete the file"):
        arrays = read_arrays(path)
        return PreparedCorpus(
            fingerprint=str(arrays["fingerprint"]),
            pools=tuple(
                TrainingPool(str(name), float(share), _utterances_of(arrays, f"pool/{name}"))
                for name, share in zip(arrays["pools"], arrays["shares"], strict=True)
            ),
            held_out={
                str(name): _utterances_of(arrays, f"held_out/{name}") for name in arrays["held_out"]
            },
            val_sets=tuple(map(str, arrays["val_sets"])),
            test_sets=tuple(map(str, arrays["test_sets"])),
        )


def _arrays_of(
    name: str, utterances: Sequence[PreparedUtterance]
) -> dict[str, NDArray[np.generic]]:
    return {
        f"{name}/keys": np.array([u.key for u in utterances]),
        f"{name}/frames": np.array([len(u.features) for u in utterances]),
        f"{name}/features": np.concatenate([u.features for u in utterances]),
        f"{name}/label_counts": np.array([len(u.labels) for u in utterances]),
        f"{name}/labels": np.concatenate([u.labels for u in utterances]),
        f"{name}/references": np.concatenate([u.reference for u in utterances]),
        f"{name}/frame_label_counts": np.array([len(u.frame_labels) for u in utterances]),
        f"{name}/frame_labels": np.concatenate([u.frame_labels for u in utterances]),
    }


def _utterances_of(arrays: Mapping[str, np.ndarray], name: str) -> tuple[PreparedUtterance, ...]:
    def pieces(values: str, counts: str) -> list[np.ndarray]:
        return np.split(arrays[f"{name}/{values}"], np.cumsum(arrays[f"{name}/{counts}"])[:-1])

    prepared = []
    for key, matrix, labels, reference, frame_labels in zip(
        arrays[f"{name}/keys"],
        pieces("features", "frames"),
        pieces("labels", "label_counts"),
        # Each label has a scoring class.
        pieces("references", "label_counts"),
        pieces("frame_labels", "frame_label_counts"),
        strict=True,
    ):
        prepared.append(
            PreparedUtterance(
                str(key), matrix, tuple(labels.tolist()), tuple(reference.tolist()), frame_labels
            )
        )
    return tuple(prepared)
