"""Series of class codes (T, N) in time's order, 0 = no data: the most frequent class, a smoothed series, years."""

import numpy as np


def most_frequent(code_TN: np.ndarray) -> np.ndarray:
    """The class of most periods, (N,) uint8; at a tie the one that was mapped last; 0 where no period has a class."""
    votes_TN = sum((code_TN == code_N).astype(np.int32) for code_N in code_TN)
    return _best(np.where(code_TN > 0, votes_TN, 0), code_TN)


def smoothed(code_TN: np.ndarray, percent_TN: np.ndarray, periods: int) -> np.ndarray:
    """The series without short episodes, (T, N) uint8; no data stays no data.

    An episode is the longest row of mapped periods with one class; periods without data do not end it. It stands if it
    holds for `periods` periods, or if its mean confidence is greater than that of the episode before and of the one
    after it. What does not stand takes the class of the last standing episode before it, else of the first one after
    it. Where none stands, all periods take the class with the greatest sum of confidence, at a tie the one that was
    mapped last.
    """
    mapped_TN = code_TN > 0
    episode_TN, count = _episodes(code_TN)
    length_EN, sum_EN, class_EN = (np.zeros((count + 2, code_TN.shape[1]), np.int64) for _ in range(3))
    pixel_N = np.arange(code_TN.shape[1])
    for code_N, percent_N, episode_N in zip(code_TN, percent_TN, episode_TN, strict=True):
        there = code_N > 0
        at = episode_N[there], pixel_N[there]
        length_EN[at] += 1
        sum_EN[at] += percent_N[there]
        class_EN[at] = code_N[there]
    stands_EN = (length_EN > 0) & ((length_EN >= periods) | _surer(sum_EN, length_EN))
    class_EN = np.where(stands_EN, class_EN, 0)
    for episode in range(1, count + 1):
        class_EN[episode] = np.where(class_EN[episode] > 0, class_EN[episode], class_EN[episode - 1])
    for episode in range(count, 0, -1):
        class_EN[episode] = np.where(class_EN[episode] > 0, class_EN[episode], class_EN[episode + 1])
    smooth_TN = class_EN[episode_TN, pixel_N]
    return np.where(mapped_TN, np.where(smooth_TN > 0, smooth_TN, _surest(code_TN, percent_TN)), 0).astype(np.uint8)


def first_and_last(code_TN: np.ndarray, year_T: np.ndarray, code: int) -> np.ndarray:
    """The first and the last year in which a class was mapped, (2, N) uint16; 0 where it never was."""
    year_TN = np.where(code_TN == code, year_T.astype(np.uint16)[:, None], 0)
    never = np.iinfo(np.uint16).max
    first_N, last_N = np.where(year_TN > 0, year_TN, never).min(0), year_TN.max(0)
    return np.stack([np.where(last_N > 0, first_N, 0), last_N]).astype(np.uint16)


def _episodes(code_TN: np.ndarray) -> tuple[np.ndarray, int]:
    """The number from 1 of each period's episode, (T, N), and the greatest one."""
    last_N, number_N = np.zeros_like(code_TN[0]), np.zeros(code_TN.shape[1], np.int64)
    episode_TN = np.zeros(code_TN.shape, np.int64)
    for code_N, episode_N in zip(code_TN, episode_TN, strict=True):
        number_N += (code_N > 0) & (code_N != last_N)
        last_N = np.where(code_N > 0, code_N, last_N)
        episode_N[:] = number_N
    return episode_TN, int(number_N.max(initial=0))


def _surer(sum_EN: np.ndarray, length_EN: np.ndarray) -> np.ndarray:
    """Whether each episode's mean is greater than those of its neighbours, compared as fractions."""
    stands_EN = np.ones(sum_EN.shape, bool)
    for step in (-1, 1):
        other_sum, other_length = np.roll(sum_EN, step, 0), np.roll(length_EN, step, 0)
        stands_EN &= (other_length == 0) | (sum_EN * other_length > other_sum * length_EN)
    return stands_EN


def _surest(code_TN: np.ndarray, percent_TN: np.ndarray) -> np.ndarray:
    """The class with the greatest sum of confidence, (N,); at a tie the one that was mapped last."""
    weight_TN = np.where(code_TN > 0, percent_TN.astype(np.int32), 0)
    sums_TN = sum(np.where(code_TN == code_N, weight_N, 0) for code_N, weight_N in zip(code_TN, weight_TN, strict=True))
    return _best(np.where(code_TN > 0, sums_TN, -1), code_TN)


def _best(votes_TN: np.ndarray, code_TN: np.ndarray) -> np.ndarray:
    """The codes of the greatest votes; of equal ones the last along time."""
    last = len(votes_TN) - 1 - votes_TN[::-1].argmax(0)
    return np.take_along_axis(code_TN, last[None], 0)[0]
