"""Borders of polygons as sums over their edges, each edge once, however many polygons share it.

A piece of an edge that lies in one pixel covers, of this pixel, the part to its right, and by its height all pixels
further right; summed with the sign of its direction over all edges of a polygon, that is the polygon (Green's theorem).
So what a polygon holds of anything is a sum over its edges, and level edges have no part in it.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.geometry.coverage import Edges, clip, cut
from pipeline.geometry.grid import Window


@dataclass(frozen=True)
class Borders:
    """Edges from their upper to their lower end, and the polygons that have each: sign 1 downwards, -1 upwards.

    edges: their owners are 0, 1, ... first_E: where the polygons of an edge begin in polygon_P and sign_P, and the end.
    """

    edges: Edges
    first_E: np.ndarray
    polygon_P: np.ndarray
    sign_P: np.ndarray


def borders_of(edges: Edges) -> Borders:
    """The edges of polygons, the inside to the left of each, as `edges_of` gives them."""
    edges = edges.take(edges.from_N2[:, 1] != edges.to_N2[:, 1])
    down_N = edges.from_N2[:, 1] < edges.to_N2[:, 1]
    upper_N2 = np.where(down_N[:, None], edges.from_N2, edges.to_N2)
    lower_N2 = np.where(down_N[:, None], edges.to_N2, edges.from_N2)
    order_N = np.lexsort((*upper_N2.T, *lower_N2.T))
    upper_N2, lower_N2 = upper_N2[order_N], lower_N2[order_N]
    same_N = ((upper_N2[1:] == upper_N2[:-1]) & (lower_N2[1:] == lower_N2[:-1])).all(1)
    first_E = np.flatnonzero(np.append(True, ~same_N)[: len(order_N)])
    return Borders(
        Edges(np.arange(len(first_E)), upper_N2[first_E], lower_N2[first_E]),
        np.append(first_E, len(order_N)),
        edges.owner_N[order_N],
        np.where(down_N[order_N], 1.0, -1.0),
    )


@dataclass(frozen=True)
class Pieces:
    """The edges in a block, from its corner, cut at the sides of its pixels.

    first_S: where the pieces of each edge begin. Row, column, height and covered area of its own pixel of each piece; a
    column beyond the last is the right side of the block. Pairs of an edge and a polygon (a number in its band), with
    the sign. first_line_S, line_row_L, line_height_L: edges cut between rows alone.
    """

    first_S: np.ndarray
    row_N: np.ndarray
    col_N: np.ndarray
    height_N: np.ndarray
    area_N: np.ndarray
    edge_P: np.ndarray
    polygon_P: np.ndarray
    sign_P: np.ndarray
    first_line_S: np.ndarray
    line_row_L: np.ndarray
    line_height_L: np.ndarray

    def heights(self, index_Z: np.ndarray, count: int, rows: int) -> np.ndarray:
        """The height of edges in each row, (count, rows), by polygon; index_Z: where each polygon stands, or -1."""
        index_P = index_Z[self.polygon_P]
        edge_P, sign_P, index_P = (of_P[index_P >= 0] for of_P in (self.edge_P, self.sign_P, index_P))
        length_P = np.diff(self.first_line_S, append=len(self.line_row_L))[edge_P]
        line_M = ranges(self.first_line_S[edge_P], length_P)
        at_M = np.repeat(index_P * rows, length_P) + self.line_row_L[line_M]
        height_M = np.repeat(sign_P, length_P) * self.line_height_L[line_M]
        sum_N = np.zeros(count * rows)
        if len(at_M):
            sum_N += np.bincount(at_M, height_M, count * rows)
        return sum_N.reshape(count, rows)


@dataclass(frozen=True)
class Band:
    """The edges in a row of blocks, cut between blocks and sorted by them.

    block_S: from 0; an edge on a side between blocks is in the left one, and what lies left of the first block in -1.
    polygons_Z: those that have any, and the first and the last block in which each has.
    """

    side: int
    edges: Edges
    block_S: np.ndarray
    edge_P: np.ndarray
    polygon_P: np.ndarray
    sign_P: np.ndarray
    polygons_Z: np.ndarray
    first_Z: np.ndarray
    last_Z: np.ndarray

    def pieces(self, block: int) -> Pieces:
        start, stop = np.searchsorted(self.block_S, (block, block + 1))
        pairs = slice(*np.searchsorted(self.edge_P, (start, stop)))
        shift, number_S = (block * self.side, 0), np.arange(stop - start)
        edges = Edges(number_S, self.edges.from_N2[start:stop] - shift, self.edges.to_N2[start:stop] - shift)
        line = cut(edges, axis=1)
        part = cut(line, axis=0)
        x_N, y_N = ((part.from_N2[:, axis] + part.to_N2[:, axis]) / 2 for axis in (0, 1))
        height_N = part.to_N2[:, 1] - part.from_N2[:, 1]
        col_N = np.floor(x_N).astype(np.int64).clip(0, self.side)
        return Pieces(
            first_S=np.searchsorted(part.owner_N, number_S),
            row_N=self._row(y_N),
            col_N=col_N,
            height_N=height_N,
            area_N=height_N * (col_N + 1 - x_N),
            edge_P=self.edge_P[pairs] - start,
            polygon_P=self.polygon_P[pairs],
            sign_P=self.sign_P[pairs],
            first_line_S=np.searchsorted(line.owner_N, number_S),
            line_row_L=self._row((line.from_N2[:, 1] + line.to_N2[:, 1]) / 2),
            line_height_L=line.to_N2[:, 1] - line.from_N2[:, 1],
        )

    def _row(self, y_N: np.ndarray) -> np.ndarray:
        row_N: np.ndarray = np.floor(y_N).astype(np.int64).clip(0, self.side - 1)
        return row_N


def band_of(borders: Borders, window: Window) -> Band:
    """The edges in a window that is one block high; what lies right of it is left out."""
    side, blocks = window.shape[0], window.shape[1] // window.shape[0]
    edges = cut(clip(borders.edges, window), axis=0, step=side)
    block_S = np.ceil((edges.from_N2[:, 0] + edges.to_N2[:, 0]) / 2 / side).astype(np.int64) - 1
    order_S = np.argsort(block_S, kind="stable")
    edges, block_S = edges.take(order_S), block_S[order_S]
    count_S = (borders.first_E[1:] - borders.first_E[:-1])[edges.owner_N]
    at_P = ranges(borders.first_E[edges.owner_N], count_S)
    polygons_Z, polygon_P = np.unique(borders.polygon_P[at_P], return_inverse=True)
    first_Z, last_Z = np.full(len(polygons_Z), blocks), np.full(len(polygons_Z), -1)
    np.minimum.at(first_Z, polygon_P, np.repeat(block_S, count_S))
    np.maximum.at(last_Z, polygon_P, np.repeat(block_S, count_S))
    edge_P = np.repeat(np.arange(len(count_S)), count_S)
    return Band(side, edges, block_S, edge_P, polygon_P, borders.sign_P[at_P], polygons_Z, first_Z, last_Z)


def ranges(start_N: np.ndarray, length_N: np.ndarray) -> np.ndarray:
    """start .. start + length - 1 of each, one after the other."""
    stop_N = np.cumsum(length_N)
    return np.repeat(start_N - stop_N + length_N, length_N) + np.arange(stop_N[-1] if len(stop_N) else 0)
