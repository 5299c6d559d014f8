"""Aligned sequences of proteins from FASTA files: one row a sequence, one column a site of the alignment.

A row holds codes, the places of its letters in the alphabet ``-ACDEFGHIKLMNPQRSTVWY``: 0 is the gap, 1 to 20 are the
amino acids. Small letters count as capital ones and a point as a gap. ``B``, ``J``, ``O``, ``U``, ``X``, ``Z``, ``*``
and ``?`` stand for an amino acid that is not known, or is none of the twenty; they become gaps, or missing values where
that is asked for. Everything else is refused.

References
----------
.. [1] W. R. Pearson, D. J. Lipman (1988). Improved tools for biological sequence comparison. PNAS 85.
.. [2] J. Tubiana, S. Cocco, R. Monasson (2019). Learning protein constitutive motifs from sequence data. eLife 8.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from layerwise.data.limits import content_of
from layerwise.data.reading import reading, stem
from layerwise.data.rows import Dataset, Rows
from layerwise.errors import DataError, OptionError

__all__ = ["ALPHABET", "ENDINGS", "is_alignment", "load_alignment"]

ALPHABET = "-ACDEFGHIKLMNPQRSTVWY"
"""The gap and the twenty amino acids, in the order of their codes."""

ENDINGS = (".fasta", ".fa", ".fas", ".faa", ".afa")
"""Endings of alignments, each also with .gz behind it."""

_UNKNOWN = "BJOUXZ*?"
_FORM = "an alignment in FASTA format"


def is_alignment(path: Path) -> bool:
    """Whether a file's ending is that of an alignment.

    >>> is_alignment(Path("kunitz.FASTA.gz")), is_alignment(Path("rows.csv.gz"))
    (True, False)
    """
    return path.name.lower().removesuffix(".gz").endswith(ENDINGS)


def load_alignment(path: Path, *, alphabet: str = ALPHABET, unknown: Literal["gap", "missing"] = "gap") -> Dataset:
    """Read an alignment.

    Parameters
    ----------
    path : Path
        A FASTA file, gzipped where its name ends in .gz. A line that begins with ``>`` begins a sequence; all sequences
        have the same number of letters, gaps included.
    alphabet : str
        The letters in the order of their codes, for sequences of something else, or without gaps.
    unknown : {"gap", "missing"}
        What a letter for an unknown amino acid becomes: the gap's code, or NaN.

    Returns
    -------
    Dataset
        Of rows of codes, uint8 (float32 where some are missing), with the letters as their ``states``.

    Raises
    ------
    DataError
        Where the file is damaged or empty, its sequences differ in length, or a letter is none of the alphabet.
    OptionError
        Where the alphabet repeats a letter, or lacks the gap that unknown letters become.
    """
    letters = alphabet.upper()
    if len(set(letters)) != len(letters) or not letters.isascii() or not letters:
        raise OptionError("alphabet", alphabet, "must be different ASCII letters")
    with reading(path, _FORM):
        content = content_of(path)
    names, sequences = _sequences(content, path)
    joined = np.frombuffer(b"".join(sequences), dtype=np.uint8).reshape(len(sequences), -1)
    codes = _codes_of_bytes(letters)[joined]
    foreign = codes == _FOREIGN
    if foreign.any():
        row, site = (int(place) for place in np.argwhere(foreign)[0])
        rule = f"is no letter of the alphabet {letters}, of {_UNKNOWN} or a point"
        where = f"{path.name}, sequence {names[row]!r}, site {site + 1}"
        raise DataError(where, chr(joined[row, site]), rule, "correct it, or write X for what is not known")
    is_unknown = codes == _MISSING
    if unknown == "gap" and is_unknown.any() and "-" not in letters:
        rule = f"{path.name} has letters for unknown amino acids, and this alphabet no gap that they could become"
        raise OptionError("alphabet", alphabet, rule, "give unknown='missing'")
    if unknown == "missing" and is_unknown.any():
        values = np.where(is_unknown, np.float32(np.nan), codes.astype(np.float32))
    else:
        values = np.where(is_unknown, max(letters.find("-"), 0), codes).astype(np.uint8)
    rows = Rows.from_arrays(values, missing=True, name=path.name)
    return Dataset(stem(path), replace(rows, states=tuple(letters)), None, str(path))


_MISSING, _FOREIGN = -1, -2


def _codes_of_bytes(letters: str) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """The code of every byte."""
    codes = np.full(256, _FOREIGN, dtype=np.int16)
    for letter in _UNKNOWN:
        codes[[ord(letter), ord(letter.lower())]] = _MISSING
    for code, letter in enumerate(letters):
        codes[[ord(letter), ord(letter.lower())]] = code
    if "." not in letters:
        codes[ord(".")] = codes[ord("-")]
    return codes


def _sequences(content: bytes, path: Path) -> tuple[list[str], list[bytes]]:
    """Names and sequences, all of one length."""
    if content.startswith(b"\xef\xbb\xbf"):
        content = content[3:]
    if not content.strip():
        raise DataError(path.name, path, "holds no sequence", "make or copy it again")
    if not content.lstrip().startswith(b">"):
        first = content.lstrip()[:40].decode("ascii", "replace")
        raise DataError(path.name, first, f"cannot be read as {_FORM}: it must begin with a line '>name'")
    names: list[str] = []
    sequences: list[bytes] = []
    for record in (b"\n" + content.lstrip().replace(b"\r", b"\n")).split(b"\n>")[1:]:
        header, _, body = record.partition(b"\n")
        # Some writers begin a header with two marks.
        names.append(header.lstrip(b">").strip().decode("utf-8", "replace") or str(len(names) + 1))
        sequences.append(b"".join(body.split()))
    length = len(sequences[0])
    for name, sequence in zip(names, sequences, strict=True):
        where = f"{path.name}, sequence {name!r}"
        if not sequence:
            raise DataError(where, "no letter", "must hold the letters of a sequence", "leave it out")
        if len(sequence) != length:
            rule = f"must have {length} letters like {names[0]!r} before it, gaps included"
            raise DataError(where, f"{len(sequence)} letters", rule, "align the sequences first, or cut insertions out")
    return names, sequences
