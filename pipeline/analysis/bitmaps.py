"""Where a map has each value, a bit a pixel, and how many of them lie right of a pixel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

WORD = 64
"""Pixels of a word; divides every chunk."""


@dataclass(frozen=True)
class Bitmap:
    """The pixels of a value in a rectangle: bit b of word w of a row is pixel 64 w + b.

    word_WH: uint64. after_WH: how many lie in the words of a row right of each word, uint16. row_H: how many lie in
    each row.
    """

    word_WH: np.ndarray
    after_WH: np.ndarray
    row_H: np.ndarray


Chunks = Iterable[tuple[int, int, np.ndarray]]
"""Rectangles of codes, uint8, each with its row and column in a larger one that holds 0 elsewhere."""


def bitmaps(
    maps: Sequence[Chunks], codes: Sequence[int], shape: tuple[int, int], count_M: np.ndarray | None = None
) -> Iterator[tuple[int, Bitmap]]:
    """Of each value that occurs in a rectangle of maps: its number and bitmap.

    One map of codes: value k is codes[k]. Two: value a (K + 1) + b has codes[a] in the first, codes[b] in the second,
    where the K-th is any code but those. count_M: how often each value occurs in one map, if that is known of the
    rectangle or of more.
    """
    if len(maps) == 1:
        full = count_M is not None and count_M[len(codes)] == 0
        values = [k for k in range(len(codes)) if count_M is None or not full or count_M[k]]
        for k, word_WH in zip(values, _words(maps[0], [codes[k] for k in values], shape, full), strict=True):
            yield from _found(k, word_WH)
        return
    first_KWH, second_KWH = ([*_words(chunks, codes, shape, False)] for chunks in maps)
    for word_KWH in (first_KWH, second_KWH):
        word_KWH.append(~np.bitwise_or.reduce(word_KWH))
    for a, a_WH in enumerate(first_KWH):
        for b, b_WH in enumerate(second_KWH):
            yield from _found(a * len(second_KWH) + b, a_WH & b_WH)


def _words(chunks: Chunks, codes: Sequence[int], shape: tuple[int, int], full: bool) -> Iterator[np.ndarray]:
    """Where each code is: the words. full: whether each pixel has one of the codes.

    Then they are told apart by a few of their bits, which are fewer than the codes; what has one code is not read.
    """
    bits = telling_bits(tuple(codes))
    if not full or len(bits) == len(codes):
        yield from _planes(chunks, np.equal, codes, shape)
        return
    plane_BWH = _planes(chunks, np.bitwise_and, bits, shape) if bits else np.zeros((0, 1, 1), np.uint64)
    other_BWH = ~plane_BWH
    for code in codes:
        word_WH = np.full((shape[1] // WORD, shape[0]), ~np.uint64(0))
        for bit, plane_WH, other_WH in zip(bits, plane_BWH, other_BWH, strict=True):
            word_WH &= plane_WH if code & bit else other_WH
        yield word_WH


@lru_cache(maxsize=1024)
def telling_bits(codes: tuple[int, ...]) -> tuple[int, ...]:
    """The fewest bits by which all of the codes differ."""
    for count in range(8):
        for bits in combinations([1 << n for n in range(8)], count):
            if len({code & sum(bits) for code in codes}) == len(codes):
                return bits
    return tuple(1 << n for n in range(8))


def _planes(chunks: Chunks, test: np.ufunc, values: Sequence[int], shape: tuple[int, int]) -> np.ndarray:
    """For each value, where the test of the codes and the value gives anything but 0: the words."""
    word_VWH = np.zeros((len(values), shape[1] // WORD, shape[0]), np.uint64)
    for top, left, chunk_HW in chunks:
        rows, words = slice(top, top + len(chunk_HW)), slice(left // WORD, (left + chunk_HW.shape[1]) // WORD)
        hit_HW = np.empty(chunk_HW.shape, test(chunk_HW[:1, :1], np.uint8(0)).dtype)
        for n, value in enumerate(values):
            bits_N = np.packbits(test(chunk_HW, np.uint8(value), out=hit_HW).ravel(), bitorder="little")
            word_VWH[n, words, rows] = bits_N.view("<u8").reshape(len(chunk_HW), -1).T
    return word_VWH


def _found(value: int, word_WH: np.ndarray) -> Iterator[tuple[int, Bitmap]]:
    count_WH = np.bitwise_count(word_WH)
    after_WH = np.zeros(count_WH.shape, np.uint16)
    for word in range(len(after_WH) - 1, 0, -1):
        np.add(after_WH[word], count_WH[word], out=after_WH[word - 1])
    row_H = after_WH[0] + count_WH[0]
    if row_H.any():
        yield value, Bitmap(word_WH, after_WH, row_H)
