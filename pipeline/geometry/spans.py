"""Runs of cells along the lines of a raster, as sorted arrays: where areas are whole, without an array of them.

A raster of several owners has a line for each owner and row: line = owner * height + row.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spans:
    """Cells start..stop (half-open) of lines; int64 each, sorted by line and start, apart from each other."""

    line_N: np.ndarray
    start_N: np.ndarray
    stop_N: np.ndarray

    def take(self, which: np.ndarray) -> "Spans":
        return Spans(self.line_N[which], self.start_N[which], self.stop_N[which])


def union(spans: Spans) -> Spans:
    """Spans of one line that touch become one; they may come in any order."""
    return _of_depth([(spans, 1)], 1)


def coarsen(spans: Spans, factor: int) -> Spans:
    """The coarser cells, of factor x factor cells, that lie wholly in spans. The height is a multiple of the factor."""
    start_N, stop_N = -(-spans.start_N // factor), spans.stop_N // factor
    wide_N = stop_N > start_N
    return _of_depth([(Spans(spans.line_N[wide_N] // factor, start_N[wide_N], stop_N[wide_N]), 1)], factor)


def minus(spans: Spans, coarse: Spans, factor: int) -> Spans:
    """Spans without the coarser cells that lie in them."""
    line_M = (coarse.line_N[:, None] * factor + np.arange(factor)).ravel()
    start_M, stop_M = (np.repeat(side * factor, factor) for side in (coarse.start_N, coarse.stop_N))
    return _of_depth([(spans, 1), (Spans(line_M, start_M, stop_M), -1)], 1)


def split(spans: Spans, side: int) -> Spans:
    """Spans cut at all multiples of `side`."""
    first_N = spans.start_N // side
    pieces_N = (spans.stop_N - 1) // side - first_N + 1
    span_M = np.repeat(np.arange(len(pieces_N)), pieces_N)
    cell_M = first_N[span_M] + np.arange(len(span_M)) - np.repeat(np.cumsum(pieces_N) - pieces_N, pieces_N)
    start_M = np.maximum(spans.start_N[span_M], cell_M * side)
    return Spans(spans.line_N[span_M], start_M, np.minimum(spans.stop_N[span_M], (cell_M + 1) * side))


def _of_depth(parts: list[tuple[Spans, int]], depth: int) -> Spans:
    """Where so many spans lie above each other, those of a negative sign taken away."""
    width = max((int(spans.stop_N.max(initial=0)) for spans, _ in parts), default=0) + 1
    key_M = np.concatenate([spans.line_N * width + at for spans, _ in parts for at in (spans.start_N, spans.stop_N)])
    step_M = np.concatenate([np.full(len(spans.line_N), way * sign) for spans, sign in parts for way in (1, -1)])
    order = np.argsort(key_M, kind="stable")
    key_M, depth_M = key_M[order], np.cumsum(step_M[order])
    last_M = np.append(key_M[1:] != key_M[:-1], True)[: len(key_M)]
    key_N, reached_N = key_M[last_M], depth_M[last_M] == depth
    starts_N = reached_N & ~np.append(False, reached_N[:-1])[: len(key_N)]
    stops_N = np.append(False, reached_N[:-1])[: len(key_N)] & ~reached_N
    start, stop = key_N[starts_N], key_N[stops_N]
    return Spans(start // width, start % width, stop % width)
