"""A reader that looks at a cube all along a trial."""

import threading
from random import Random

import numpy as np

from crash.cubes import Arrays, newest
from pipeline.cube import store


class Reader:
    """Reads `main` again and again in a thread: always one version whole, and never the old one after the new."""

    def __init__(self, cube: str, before: Arrays, after: Arrays, seed: str) -> None:
        self.cube, self.versions = cube, {"before": before, "after": after}
        self.random = Random(f"{seed}-reader")
        self.reads, self.last = 0, "before"
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="reader", daemon=True)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _loop(self) -> None:
        while not self._stop.wait(0.2) and not self.wrong:
            self.look()

    def look(self) -> None:
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - whatever a reader meets is what the trial is about
            self.wrong.append(f"a reader met {type(error).__name__}: {error}"[:500])

    def _look(self) -> None:
        group = newest(self.cube)
        told = np.asarray(store.array(group, "blocks/landcover")[...])
        seen = [name for name, of in self.versions.items() if told.tobytes() == of["blocks/landcover"].tobytes()]
        if not seen:
            self.wrong.append("a reader saw fingerprints that are of neither version")
            return
        (version,) = seen
        if (self.last, version) == ("after", "before"):
            self.wrong.append("a reader saw the old version after the new one")
        self.last = version
        for name in self.random.sample(sorted(n for n, a in self.versions[version].items() if a.ndim >= 3), 4):
            whole = self.versions[version][name]
            side = 256 if whole.shape[-1] >= 256 else whole.shape[-1]
            y, x = (self.random.randrange(max(1, length // side)) * side for length in whole.shape[-2:])
            part = (..., slice(y, y + side), slice(x, x + side))
            if np.asarray(group[name][part]).tobytes() != whole[part].tobytes():
                self.wrong.append(f"a reader saw {name} of another version than its fingerprints")
        self.reads += 1
