"""Where a map has each value, a bit a pixel, and how many of them lie right of a pixel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

WORD = 64
"""Pixels of a word; divides every chunk."""


@dataclass(frozen=True)
class Bitmap:
    """The pixels of a value in a rectangle: bit b of word w of a row is pixel 64 w + b.

    word_HW: of each row. after_WH: how many lie in the words of a row right of each word, uint16. row_H: how many
    lie in each row.
    """

    word_HW: np.ndarray
    after_WH: np.ndarray
    row_H: np.ndarray


Chunks = Iterable[tuple[int, int, np.ndarray]]
"""Rectangles of codes, uint8, each with its row and column in a larger one that holds 0 elsewhere."""


def bitmaps(maps: Sequence[Chunks], codes: Sequence[int], shape: tuple[int, int]) -> Iterator[tuple[int, Bitmap]]:
    """Of each value that occurs in a rectangle of maps: its number and bitmap.

    One map of codes: value k is codes[k]. Two: value a (K + 1) + b has codes[a] in the first, codes[b] in the second,
    where the K-th is any code but those.
    """
    first_KHW, *second = (_words(chunks, codes, shape) for chunks in maps)
    if not second:
        for k, word_HW in enumerate(first_KHW):
            yield from _found(k, word_HW)
        return
    first_KHW, second_KHW = (
        np.concatenate([word_KHW, ~np.bitwise_or.reduce(word_KHW, axis=0, keepdims=True)])
        for word_KHW in (first_KHW, *second)
    )
    for a, a_HW in enumerate(first_KHW):
        for b, b_HW in enumerate(second_KHW):
            yield from _found(a * len(second_KHW) + b, a_HW & b_HW)


def _words(chunks: Chunks, codes: Sequence[int], shape: tuple[int, int]) -> np.ndarray:
    """Where each code is: the words of each row."""
    word_KHW = np.zeros((len(codes), shape[0], shape[1] // WORD), np.uint64)
    for top, left, chunk_HW in chunks:
        rows, words = slice(top, top + len(chunk_HW)), slice(left // WORD, (left + chunk_HW.shape[1]) // WORD)
        hit_HW = np.empty(chunk_HW.shape, bool)
        for k, code in enumerate(codes):
            bits_N = np.packbits(np.equal(chunk_HW, code, out=hit_HW).ravel(), bitorder="little")
            word_KHW[k, rows, words] = bits_N.view("<u8").reshape(len(chunk_HW), -1)
    return word_KHW


def _found(value: int, word_HW: np.ndarray) -> Iterator[tuple[int, Bitmap]]:
    if not word_HW.any():
        return
    count_WH = np.bitwise_count(word_HW).T.astype(np.uint16, order="C")
    after_WH = np.zeros_like(count_WH)
    for word in range(len(after_WH) - 1, 0, -1):
        np.add(after_WH[word], count_WH[word], out=after_WH[word - 1])
    yield value, Bitmap(word_HW, after_WH, after_WH[0] + count_WH[0])
