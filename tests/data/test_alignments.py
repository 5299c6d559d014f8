"""Alignments in FASTA format, as their writers write them and as they are damaged."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerwise.data import Preparation, load
from layerwise.data.alignments import ALPHABET, load_alignment
from layerwise.errors import DataError, OptionError


def written(folder: Path, content: str | bytes, name: str = "some.fasta") -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def letters(path: Path, **options: Any) -> list[str]:
    rows = load_alignment(path, **options).train
    assert rows.states is not None
    return ["".join(rows.states[int(code)] for code in row) for row in rows.values]


@pytest.mark.parametrize("name", ["a.fasta", "a.fa", "a.FAS", "a.faa", "a.afa", "a.fasta.gz", "a.fa.GZ"])
def test_every_ending_is_read_through_the_one_door(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    content = b">s1 first\nAC-\n>s2\nWYD\n"
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    dataset = load(path)
    assert dataset.train.values.tolist() == [[1, 2, 0], [19, 20, 3]]
    assert dataset.train.values.dtype == np.uint8
    assert dataset.train.labels is None
    assert dataset.train.states == tuple("-ACDEFGHIKLMNPQRSTVWY")
    assert (dataset.test, dataset.source) == (None, str(path))
    fitted = Preparation.fit(dataset.train, "categorical")
    assert fitted.categories == (21, 21, 21)
    np.testing.assert_array_equal(fitted.restore(fitted.prepare(dataset.train.values)), dataset.train.values)


@pytest.mark.parametrize(
    "content",
    [
        ">>S1\nACD\n>>S2\nW-Y\n",
        ">S1\r\nACD\r\n>S2\r\nW-Y\r\n",
        ">S1\rACD\r>S2\rW-Y",
        "\n\n>S1\nA\nCD\n\n>S2\nW-\nY",
        ">S1\nacd\n>S2\nw.y\n",
        ">S1\nA C D\n>S2 > with a mark\nW - Y\n",
        "\ufeff>\nACD\n>\nW-Y\n",
    ],
)
def test_every_writers_habits_are_understood(content: str, tmp_path: Path) -> None:
    assert letters(written(tmp_path, content)) == ["ACD", "W-Y"]


def test_packed_or_not_is_seen_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plain.fasta.gz"
    path.write_text(">a\nAC\n")
    assert letters(path) == ["AC"]


def test_unknown_letters_become_gaps_or_missing_values(tmp_path: Path) -> None:
    path = written(tmp_path, ">a\nAXb*\n>b\nACDE\n")
    assert letters(path) == ["A---", "ACDE"]
    rows = load_alignment(path, unknown="missing").train
    assert rows.values.dtype == np.float32
    np.testing.assert_array_equal(rows.values[0], [1, np.nan, np.nan, np.nan])
    prepared = Preparation.fit(rows, "categorical").prepare(rows.values)
    assert prepared.isnan().sum(dim=1).tolist() == [63, 0]


def test_another_alphabet(tmp_path: Path) -> None:
    path = written(tmp_path, ">a\nACGU\n>b\nUUaa\n")
    assert load_alignment(path, alphabet="ACGU").train.values.tolist() == [[0, 1, 2, 3], [3, 3, 0, 0]]
    path = written(tmp_path, ">a\nACX\n")
    with pytest.raises(OptionError, match=r"this alphabet no gap .*give unknown='missing'"):
        load_alignment(path, alphabet=ALPHABET[1:])
    assert np.isnan(load_alignment(path, alphabet=ALPHABET[1:], unknown="missing").train.values).sum() == 1
    for alphabet in ("", "AAC", "Aa", "ÄC"):
        with pytest.raises(OptionError, match="must be different ASCII letters"):
            load_alignment(path, alphabet=alphabet)


@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.text(ALPHABET, min_size=n, max_size=n), min_size=1)))
def test_any_alignment_comes_back(tmp_path_factory: pytest.TempPathFactory, sequences: list[str]) -> None:
    content = "".join(f">sequence {i}\n{sequence}\n" for i, sequence in enumerate(sequences))
    assert letters(written(tmp_path_factory.mktemp("fasta"), content)) == sequences


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["some.fasta", "is an empty file"]),
        ("\n \n", ["some.fasta", "holds no sequence"]),
        ("ACD\n>a\nACD\n", ["some.fasta = 'ACD", "must begin with a line '>name'"]),
        (">a\nACD\n>b\nAC\n", ["some.fasta, sequence 'b' = '2 letters'", "must have 3 letters like 'a'", "align"]),
        (">a\n>b\nAC\n", ["sequence 'a' = 'no letter'"]),
        (">a\n", ["sequence 'a' = 'no letter'"]),
        (">a\nACD\n>b\nA1D\n", ["sequence 'b', site 2 = '1'", "is no letter of the alphabet -ACD", "write X"]),
        (b">a\nA\xc3\xa4\n", ["sequence 'a', site 2"]),
        (">\nAC\n>\nA\n", ["sequence '2' = '1 letters'"]),
    ],
)
def test_a_file_that_is_not_acceptable_says_why(content: str | bytes, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(written(tmp_path, content))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_damaged_archive_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, ">a\n" + "ACDEFGH" * 100, "some.fasta.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"some.fasta.gz = .*cannot be read as an alignment in FASTA format"):
        load(path)


def test_an_alignment_has_no_target(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="target = 'family'"):
        load(written(tmp_path, ">a\nAC\n"), target="family")
