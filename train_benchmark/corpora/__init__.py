"""Corpora of speech with phone transcripts."""
