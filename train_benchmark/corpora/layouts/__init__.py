"""The layouts of corpora on the disk: where utterances, words and phones stand."""
