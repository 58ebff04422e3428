"""Encodings of graphs as matrices with named columns."""

from graph_encoding.encodings.adjacency import AdjacencyEncoding
from graph_encoding.encodings.base import Composition, Encoding
from graph_encoding.encodings.edge_histogram import EdgeHistogramEncoding
from graph_encoding.encodings.one_hot import OneHotEncoding
from graph_encoding.encodings.op_subsets import DescribedSubsetEncoding, OpSubsetEncoding
from graph_encoding.encodings.path_descriptors import PathDescriptorEncoding
from graph_encoding.encodings.paths import PathEncoding
from graph_encoding.encodings.statistics import GraphStatisticsEncoding
from graph_encoding.encodings.weisfeiler_lehman import WeisfeilerLehmanEncoding

__all__ = [
    "AdjacencyEncoding",
    "Composition",
    "DescribedSubsetEncoding",
    "EdgeHistogramEncoding",
    "Encoding",
    "GraphStatisticsEncoding",
    "OneHotEncoding",
    "OpSubsetEncoding",
    "PathDescriptorEncoding",
    "PathEncoding",
    "WeisfeilerLehmanEncoding",
]
