"""Corpora of speech with phone transcripts.

A corpus of a known layout is a file like those of `configs/corpus/`; a new layout is a module of
`layouts`.
"""
