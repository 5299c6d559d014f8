"""Where minibatches come from: sources, rows, labels, preparation and the stream that knows its rank."""

from __future__ import annotations

from layerwise.data.alignments import load_alignment
from layerwise.data.columns import TablePreparation
from layerwise.data.drawn import DrawnBits, bits_of
from layerwise.data.labelling import keep_labels, split
from layerwise.data.minibatches import Batch, Minibatches, MinibatchStream
from layerwise.data.preparation import Preparation
from layerwise.data.rows import Dataset, Rows
from layerwise.data.sources import load
from layerwise.data.tables import rows_from_table

__all__ = [
    "Batch",
    "Dataset",
    "DrawnBits",
    "MinibatchStream",
    "Minibatches",
    "Preparation",
    "Rows",
    "TablePreparation",
    "bits_of",
    "keep_labels",
    "load",
    "load_alignment",
    "rows_from_table",
    "split",
]
