"""From a corpus to what training reads: features and labels, computed once and cached."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph_encoding.array_files import read_arrays
from graph_encoding.errors import UserError, unreadable
from graph_encoding.whole_files import whole_file
from train_benchmark.audio_features import LogMel, normalise
from train_benchmark.batching import PreparedUtterance
from train_benchmark.corpora.timit import Corpus, SpeakerSplit, Utterance, split_by_speaker
from train_benchmark.phones import fold_labels_to_39, label_indices
from train_benchmark.recipe import Recipe
from train_benchmark.record import content_hash
from train_benchmark.trainer import PreparedCorpus, check_lengths

_PARTS = ("train", "val", "test")


def prepare(corpus: Corpus, recipe: Recipe) -> PreparedCorpus:
    """Split a corpus by speaker and compute features, normalised with training statistics only.

    Raises:
        UserError: if a listed speaker is missing, a speaker is in no list, or an utterance is
            too short for its labels.
    """
    lists = recipe.corpus.split
    parts = split_by_speaker(corpus, SpeakerSplit(lists.train, lists.val, lists.test))
    log_mel = LogMel(recipe.macro)
    raw = {part: [_features(log_mel, u) for u in getattr(parts, part)] for part in _PARTS}
    prepared = {
        part: _prepare_part(getattr(parts, part), normalise(raw[part], raw["train"]))
        for part in _PARTS
    }
    for utterances in prepared.values():
        check_lengths(utterances, recipe)
    return PreparedCorpus(corpus.fingerprint, **prepared)


def _features(log_mel: LogMel, utterance: Utterance) -> NDArray[np.float32]:
    try:
        return log_mel(utterance.samples)
    except UserError as e:
        raise UserError(f"utterance {utterance.key}: {e}; remove it from the corpus") from e


def cache_path(folder: Path, recipe: Recipe, fingerprint: str) -> Path:
    """Where the prepared form of a corpus lies: its name changes with all that it depends on."""
    depends_on = {
        "corpus": fingerprint,
        "mel_bins": recipe.macro.mel_bins,
        "frames_s": [recipe.macro.frame_length_s, recipe.macro.frame_shift_s],
        "split": recipe.corpus.split.model_dump(mode="json"),
    }
    return folder / f"features-{content_hash(depends_on)[:16]}.npz"


def save_prepared(prepared: PreparedCorpus, path: Path) -> None:
    """Write prepared utterances as plain arrays, whole or not at all."""
    arrays: dict[str, np.ndarray] = {"fingerprint": np.array(prepared.fingerprint)}
    for part in _PARTS:
        utterances: tuple[PreparedUtterance, ...] = getattr(prepared, part)
        arrays[f"{part}/keys"] = np.array([u.key for u in utterances])
        arrays[f"{part}/frames"] = np.array([len(u.features) for u in utterances])
        arrays[f"{part}/features"] = np.concatenate([u.features for u in utterances])
        arrays[f"{part}/label_counts"] = np.array([len(u.labels) for u in utterances])
        arrays[f"{part}/labels"] = np.concatenate([u.labels for u in utterances])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as scratch, scratch.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as e:
        raise UserError(f"cannot write features {path}: {e}") from e


def load_prepared(path: Path) -> PreparedCorpus:
    """The inverse of `save_prepared`.

    Raises:
        UserError: if the file is missing or not what `save_prepared` writes.
    """
    with unreadable(f"features {path} must be what this version writes", "delete the file"):
        arrays = read_arrays(path)
        parts = {part: _load_part(arrays, part) for part in _PARTS}
        return PreparedCorpus(str(arrays["fingerprint"]), **parts)


def _prepare_part(
    utterances: Sequence[Utterance], features: Sequence[np.ndarray]
) -> tuple[PreparedUtterance, ...]:
    prepared = []
    for utterance, matrix in zip(utterances, features, strict=True):
        labels = label_indices(utterance.phones)
        prepared.append(PreparedUtterance(utterance.key, matrix, labels, fold_labels_to_39(labels)))
    return tuple(prepared)


def _load_part(arrays: Mapping[str, np.ndarray], part: str) -> tuple[PreparedUtterance, ...]:
    frame_ends = np.cumsum(arrays[f"{part}/frames"])[:-1]
    label_ends = np.cumsum(arrays[f"{part}/label_counts"])[:-1]
    features = np.split(arrays[f"{part}/features"], frame_ends)
    labels = np.split(arrays[f"{part}/labels"], label_ends)
    prepared = []
    for key, matrix, row in zip(arrays[f"{part}/keys"], features, labels, strict=True):
        sequence = tuple(row.tolist())
        prepared.append(PreparedUtterance(str(key), matrix, sequence, fold_labels_to_39(sequence)))
    return tuple(prepared)
