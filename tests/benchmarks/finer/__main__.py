"""Makes the worlds, trains the heads that are not there yet, scores them and their rivals, prints the table."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from finer import SCALE, pictures, rivals, worlds
from finer.head import Head, Training, answer, new_head, train
from finer.scores import COLUMNS, Score, below_the_pixel, better, mean_rows
from finer.worlds import Place

ARMS = {"head": (Training(), 3), "head of 10 m": (Training(scale=1), 1)}
"""Training and number of seeds. The second learns from the majority of each pixel of 10 m: what is won by training on
more worlds alone."""
NEAREST, BOUND = "map of 10 m, nearest", "true majority of 10 m, nearest"
Map = tuple[NDArray[np.intp], NDArray[np.float32] | None]


def main() -> None:
    parser = argparse.ArgumentParser(prog="finer", description="labels of 2.5 m from images of 10 m")
    parser.add_argument("--home", type=Path, default=Path("out/finer"), help="folder of what is made")
    parser.add_argument("--arm", choices=list(ARMS), help="only train this one; no table")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    trained, tested = ([worlds.place(seed, asked.home) for seed in seeds] for seeds in (worlds.TRAINED, worlds.TESTED))
    arms = [asked.arm] if asked.arm else list(ARMS)
    runs = [(arm, seed) for arm in arms for seed in range(ARMS[arm][1])]
    heads = {(arm, seed): _head(trained, arm, seed, asked.home / "heads") for arm, seed in runs}
    if asked.arm:
        return
    rows: dict[str, list[dict[str, float]]] = {}
    for name, maps in _maps(tested, heads):
        pairs = list(zip(tested, maps, strict=True))
        score = reduce(add, (Score.of(place.index_YX.numpy(), *each) for place, each in pairs))
        rows.setdefault(name, []).append(score.row())
        below = mean_rows([_below(place, each) for place, each in pairs])
        print(f"{name}: {', '.join(f'{key} {value:.1f}' for key, value in below.items())}", file=sys.stderr, flush=True)
    print(table(rows))
    print()
    print(verdict(rows))
    ours = [answer(heads["head", 0], place).argmax(0).numpy() for place in tested]
    pictures.draw(tested, ours, asked.home)


def _head(places: Sequence[Place], arm: str, seed: int, folder: Path) -> Head:
    """Kept in `folder`; of other settings than ARMS now has, it must be removed by hand."""
    how, path = ARMS[arm][0], folder / f"{arm.replace(' ', '-')}-{seed}.safetensors"
    if path.is_file():
        head = new_head(places[0], how)
        head.load_state_dict(load_file(path))
        return head
    began = time.process_time()

    def tell(step: int, loss: float) -> None:
        print(f"{arm}, seed {seed}, step {step}: loss {loss:.4f}, {time.process_time() - began:.0f} CPU s", flush=True)

    head = train(places, seed, how, tell)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(head.state_dict(), path)
    return head


def _maps(places: Sequence[Place], heads: dict[tuple[str, int], Head]) -> Iterator[tuple[str, list[Map]]]:
    """Each method's maps of all places; heads come once for each seed."""

    def likeliest(probability_KYX: torch.Tensor) -> Map:
        return probability_KYX.argmax(0).numpy(), probability_KYX.numpy()

    yield NEAREST, [likeliest(rivals.scores(place, "nearest")) for place in places]
    classes = len(places[0].probability_KHW)
    yield "majority of 5 x 5", [(rivals.smoothed(rivals.nearest(place), classes), None) for place in places]
    yield "pixel swapping", [(rivals.swapped(place), None) for place in places]
    yield "scores, bilinear", [likeliest(rivals.scores(place, "bilinear")) for place in places]
    yield "scores, bicubic", [likeliest(rivals.scores(place, "bicubic")) for place in places]
    for (arm, _), head in heads.items():
        for mode in ("bilinear",) if head.scale == SCALE else ("nearest", "bilinear"):
            name = arm if head.scale == SCALE else f"{arm}, {mode}"
            yield name, [likeliest(answer(head, place, mode)) for place in places]
    yield BOUND, [(rivals.bound(place), None) for place in places]


def _below(place: Place, each: Map) -> dict[str, float]:
    return below_the_pixel(place.index_YX.numpy(), each[0], rivals.nearest(place), rivals.bound(place))


def table(rows: dict[str, list[dict[str, float]]]) -> str:
    """Markdown: a line for each method, of heads also each seed's."""
    lines = [f"| map | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, runs in rows.items():
        lines.append(_line(f"{name}, mean of {len(runs)} seeds" if len(runs) > 1 else name, mean_rows(runs)))
        if len(runs) > 1:
            lines += [_line(f"seed {number}", run) for number, run in enumerate(runs)]
    return "\n".join(lines)


def _line(name: str, row: dict[str, float]) -> str:
    cells = [
        "" if np.isnan(row[column]) else f"{row[column]:.3f}" if column == "NLL" else f"{row[column]:.2f}"
        for column in COLUMNS
    ]
    return f"| {name} | {' | '.join(cells)} |"


def verdict(rows: dict[str, list[dict[str, float]]]) -> str:
    """Which scores of each rival the mean of the seeds does not beat."""
    ours, sentences = mean_rows(rows["head"]), []
    for name in rows.keys() - {"head", BOUND}:
        theirs = mean_rows(rows[name])
        compared = [column for column in COLUMNS if not np.isnan(theirs[column])]
        lost = [column for column in compared if not better(column, ours[column], theirs[column])]
        sentences.append(f"{name} on {len(compared) - len(lost)} of {len(compared)}; not: {', '.join(lost) or '-'}")
    return "\n".join(["The head beats", *sorted(sentences)])


if __name__ == "__main__":
    main()
