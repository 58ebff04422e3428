"""Encodings: graphs in, a matrix with named columns out."""

from graph_encoding.encodings.base import Composition, Encoding
from graph_encoding.encodings.one_hot import OneHotEncoding
from graph_encoding.encodings.paths import PathEncoding

__all__ = ["Composition", "Encoding", "OneHotEncoding", "PathEncoding"]
