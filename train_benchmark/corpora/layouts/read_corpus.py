"""Reader of corpora of any layout."""

from collections.abc import Callable
from pathlib import Path

from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import Registry
from train_benchmark.corpora.layouts.asterisk import list_asterisk
from train_benchmark.corpora.layouts.librispeech import list_librispeech
from train_benchmark.corpora.layouts.listing import Listing, corpus_of
from train_benchmark.corpora.layouts.manifest import list_manifest
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.layouts.timit import list_timit
from train_benchmark.corpora.layouts.utterance import Corpus

ListCorpus = Callable[[Path, CorpusSource, frozenset[str] | None], Listing]
"""(folder, source, the corpus's own parts to read or None for all)."""

LAYOUTS: Registry[ListCorpus] = Registry("corpus layout")
LAYOUTS.register("timit", list_timit)
LAYOUTS.register("librispeech", list_librispeech)
LAYOUTS.register("manifest", list_manifest)
LAYOUTS.register("asterisk", list_asterisk)

TIMIT_SOURCE = CorpusSource()
"""TIMIT's layout and label set."""


def list_corpus(root: Path, source: CorpusSource, parts: frozenset[str] | None = None) -> Listing:
    """List the utterances of a corpus; no audio is read.

    Raises:
        UserError: if the folder is not a corpus of that layout, or cannot be read.
    """
    try:
        return LAYOUTS.get(source.layout)(root, source, parts)
    except OSError as e:
        raise UserError(f"cannot read corpus {root}: {e}; make all of it readable") from e


def read_corpus(
    root: Path,
    source: CorpusSource = TIMIT_SOURCE,
    *,
    parts: frozenset[str] | None = None,
    keep_sa: bool = False,
) -> Corpus:
    """Read a corpus.

    Args:
        root: its folder, or the file of a manifest.
        source: how its files are read.
        parts: the corpus's own parts to read, such as LibriSpeech's subsets; None for all.
        keep_sa: keep TIMIT's two SA sentences, which are never trained on.

    Raises:
        UserError: with the first problem and the number of problems.
    """
    return corpus_of(list_corpus(root, source, parts), root, keep_sa=keep_sa)
