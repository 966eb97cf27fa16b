"""The change model for plain arrays: the network, and how it is run over two images of any size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from idgbr.change.folding import folded
from idgbr.change.kept import KEPT_BYTES, KEPT_VERDICTS, Kept, key, logits_kept
from idgbr.change.network import ChangeNetwork
from idgbr.change.normalise import standardise
from idgbr.change.scout import Scout
from idgbr.change.settings import ChangeSettings, read_settings
from idgbr.change.siamese import SiameseUNet
from idgbr.checkpoint import digest, load_network
from idgbr.errors import CheckpointError, InputError
from idgbr.inference.batches import Array, in_batches, tensor
from idgbr.inference.blend import Blend
from idgbr.inference.tiling import Corner, WindowLattice
from idgbr.inference.window import cut_window
from idgbr.json_file import read_json
from idgbr.no_data import missing
from idgbr.shipped import model_folder

AnyChangeNetwork = ChangeNetwork | SiameseUNet
NETWORKS = {"ChangeNetwork": ChangeNetwork, "SiameseUNet": SiameseUNet}
PIXEL_BYTES = 4096
"""Of a pixel of a batch in the largest preset (measured: 3.9 KiB)."""


@dataclass(frozen=True)
class ChangeOutput:
    """probability_HW: of change, float32; NaN where one of the dates has no data."""

    probability_HW: NDArray[np.float32]


class ChangePipeline:
    """Probability of change of the ground between two dates, by a Semantic Change Network (arXiv 2503.20734) or a
    siamese U-Net.

    scout: looks at every window first, and the network at those alone in which it sees something.
    """

    def __init__(self, settings: ChangeSettings, network: AnyChangeNetwork, scout: Scout | None = None) -> None:
        self.settings = settings
        self.network = network
        self.scout = scout
        if network.streams != 2:
            raise CheckpointError("the network is of one date, a prior; a change model needs one of two streams")
        if network.config["bands"] != len(settings.bands):
            raise CheckpointError(
                f"the network has {network.config['bands']} bands, but the model's settings name {len(settings.bands)}"
            )
        if settings.window % network.multiple:
            raise CheckpointError(
                f"the network takes windows of multiples of {network.multiple} px, but the model's settings say "
                f"{settings.window}"
            )
        if scout is not None and scout.config["bands"] != len(settings.bands):
            raise CheckpointError(
                f"the scout has {scout.config['bands']} bands, but the model's settings name {len(settings.bands)}"
            )
        if scout is not None and settings.window % scout.cell:
            raise CheckpointError(
                f"the scout takes windows of multiples of {scout.cell} px, but the model's settings say "
                f"{settings.window}"
            )
        self.to("cpu")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """The model saved in a local folder, or a shipped one by its name; CheckpointError says in one sentence what
        is wrong with it."""
        folder = model_folder(folder)
        index = read_json(folder, "model_index.json", cls.__name__)
        index.pop("_class_name")
        try:
            settings = read_settings(index)
        except (TypeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{folder / 'model_index.json'} has wrong settings: {error}") from error
        network = load_network(NETWORKS, folder / "network")
        scout = load_network({"Scout": Scout}, folder / "scout") if (folder / "scout").is_dir() else None
        return cls(settings, network, scout)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes model_index.json, network/ and, if the model has one, scout/; else a scout that was there goes."""
        folder = Path(folder)
        self.network.save_pretrained(folder / "network")
        if self.scout is not None:
            self.scout.save_pretrained(folder / "scout")
        elif (folder / "scout").is_dir():
            shutil.rmtree(folder / "scout")
        index = {"_class_name": type(self).__name__, **asdict(self.settings)}
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")

    def to(self, device: str | torch.device) -> Self:
        """Moves the network, sets it to inference and to the memory layout that keeps results reproducible."""
        self.network.eval().requires_grad_(False)
        self.network.place(device)
        self._device = self.network.device  # asking it walks through all modules, too long for each window
        self._folded = folded(self.network)
        self._folded.place(device)
        self.forget()
        if self.scout is not None:
            self.scout.eval().requires_grad_(False)
            self.scout.place(device)
        return self

    def forget(self) -> None:
        """What it has said of windows, which it would say again of the same ones."""
        self._logits_kept: Kept[Tensor] = Kept(logits_kept(self.settings.window))
        self._verdicts: Kept[bool] = Kept(KEPT_VERDICTS)

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def bands(self) -> tuple[str, ...]:
        """Names in the order of both images' channels."""
        return self.settings.bands

    @property
    def digest(self) -> str:
        """sha256 (hex) of settings, network configs and weights."""
        return digest(asdict(self.settings), [self.network] if self.scout is None else [self.network, self.scout])

    @property
    def halo(self) -> int:
        """Px around a part within which its answer depends on the images."""
        return self.settings.window - 1

    @property
    def batch_bytes(self) -> int:
        """Upper bound of the memory that the network takes for a batch of windows, besides the images, and that the
        logits take which are kept for the next call."""
        return PIXEL_BYTES * self.settings.batch * self.settings.window**2 + KEPT_BYTES

    def normalise(self, before_BCHW: Tensor, after_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Raw numbers to zero mean and unit variance per date and band, float32.

        Pixels without data in one of the dates become 0 in both.
        """
        settings = self.settings
        missing_B1HW = missing(before_BCHW, settings.blank) | missing(after_BCHW, settings.blank)
        return (
            standardise(before_BCHW, settings.before_mean, settings.before_std, missing_B1HW),
            standardise(after_BCHW, settings.after_mean, settings.after_std, missing_B1HW),
        )

    @torch.inference_mode()
    def logits(self, before_BCHW: Array, after_BCHW: Array) -> Tensor:
        """B1HW float32 logits of change of raw windows whose sides are multiples of the network's."""

        def compute(before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
            images = self.normalise(before_BCHW, after_BCHW)
            return self._folded(*(image.contiguous(memory_format=torch.channels_last) for image in images))

        settings = self.settings
        return in_batches(compute, [before_BCHW, after_BCHW], 1, settings.batch, self.device, settings.precision)

    @torch.inference_mode()
    def __call__(
        self,
        before_CHW: Array,
        after_CHW: Array,
        corner: Corner = (0, 0),
        part: tuple[int, int, int, int] | None = None,
    ) -> ChangeOutput:
        """Probability of change of two images of the same ground, raw numbers in the order of `bands`, of any size.

        corner: absolute (row, column) of the images' top left pixel. part: absolute (y0, x0, y1, x1) within the images,
        half-open, to answer for; the rest is only looked at. Windows lie on an absolute lattice and are blended with
        fixed weights, so two cuts of the same ground give the same answer, except within `halo` px of an image's edge:
        what lies beyond is no data (`settings.blank`), or the image mirrored if the model has none. Where no window is
        due, for the scout sees nothing there, the probability is 0. InputError for images of other bands or sizes.
        """
        settings, lattice = self.settings, WindowLattice(self.settings.window, self.settings.overlap)
        before_CHW, after_CHW = dates = self._images(before_CHW, after_CHW)
        y, x = corner
        y0, x0, y1, x1 = part or (y, x, y + before_CHW.shape[1], x + before_CHW.shape[2])
        if not 0 <= y0 - y < y1 - y <= before_CHW.shape[1] or not 0 <= x0 - x < x1 - x <= before_CHW.shape[2]:
            raise InputError(f"the part {part} does not lie within the images, whose first pixel is {corner}")
        asked = slice(None), slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
        unknown_HW = torch.stack([missing(image[asked][None], settings.blank)[0, 0] for image in dates]).any(0)
        blend = Blend((y0, x0), (y1 - y0, x1 - x0), 1, torch.from_numpy(lattice.weights()).to(self.device))

        def windows(image_CHW: Tensor, corners: Sequence[Corner]) -> Tensor:
            return torch.stack(
                [cut_window(image_CHW, place, corner, settings.window, settings.blank) for place in corners]
            )

        places = lattice.corners((y0, x0), (y1 - y0, x1 - x0))
        due = [place for place in places if not _all_within(unknown_HW, place, (y0, x0), lattice)]
        keys: dict[Corner, bytes] = {}
        if self.scout is not None:
            keys, due = self._named(due, lambda place: (windows(before_CHW, [place]), windows(after_CHW, [place])))
        for first in range(0, len(due), settings.batch):
            corners = due[first : first + settings.batch]
            pair = windows(before_CHW, corners), windows(after_CHW, corners)
            known = [keys[place] for place in corners] if keys else [key(*each) for each in zip(*pair, strict=True)]
            logits_N1HW = self._logits_of(known, *pair)
            for place, logits_1HW in zip(corners, logits_N1HW, strict=True):
                blend.add(place, logits_1HW)
        # Torch's sigmoid rounds the last few numbers of a vector differently.
        probability_HW = expit(blend.logits()[0].cpu().numpy())
        probability_HW[~blend.covered().cpu().numpy()] = 0
        probability_HW[unknown_HW.numpy()] = np.nan
        return ChangeOutput(probability_HW)

    def _named(
        self, due: list[Corner], dates_at: Callable[[Corner], tuple[Tensor, Tensor]]
    ) -> tuple[dict[Corner, bytes], list[Corner]]:
        """The key of each window, and the places of those in which the scout sees something. dates_at: both dates
        there, raw, 1CHW. Windows that lie in two calls are looked at once."""
        keys: dict[Corner, bytes] = {}
        found: list[bool | None] = []
        unknown: list[tuple[int, bytes, Tensor]] = []
        for number, place in enumerate(due):
            before_1CHW, after_1CHW = dates_at(place)
            window = keys[place] = key(before_1CHW[0], after_1CHW[0])
            found.append(self._verdicts.get(window))
            if found[number] is None:
                unknown.append((number, window, self._sees(before_1CHW, after_1CHW)))
        if unknown:
            sees_N = torch.stack([sees for *_, sees in unknown]).tolist()
            for (number, window, _), sees in zip(unknown, sees_N, strict=True):
                found[number] = sees
                self._verdicts.keep(window, sees)
        return keys, list(compress(due, found))

    def _logits_of(self, keys: Sequence[bytes], before_NCHW: Tensor, after_NCHW: Tensor) -> list[Tensor]:
        """1HW of each raw window. Those that lie in two calls, as at the border of two blocks, are computed once."""
        found = {each: self._logits_kept.get(each) for each in keys}
        due = [number for number, each in enumerate(keys) if found[each] is None]
        if due:
            for number, logits_1HW in zip(due, self.logits(before_NCHW[due], after_NCHW[due]), strict=True):
                found[keys[number]] = logits_1HW
                self._logits_kept.keep(keys[number], logits_1HW.clone())  # which keeps no others of its batch
        return [logits_1HW for each in keys if (logits_1HW := found[each]) is not None]

    def _sees(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        """Whether the scout sees anything in raw windows: one at a time, so that no answer depends on others. One bool,
        on the device, which is not waited for."""
        assert self.scout is not None, "only a model with a scout asks it"
        return self.scout.sees(*self.normalise(before_BCHW.to(self.device), after_BCHW.to(self.device)))

    def _images(self, before_CHW: Array, after_CHW: Array) -> tuple[Tensor, Tensor]:
        images = tensor(before_CHW), tensor(after_CHW)
        for name, image_CHW in zip(("before", "after"), images, strict=True):
            if image_CHW.ndim != 3 or len(image_CHW) != len(self.bands) or 0 in image_CHW.shape:
                raise InputError(
                    f"the model takes images (bands, height, width) with {len(self.bands)} bands "
                    f"{', '.join(self.bands)}, but the one {name} has the shape {tuple(image_CHW.shape)}"
                )
        if images[0].shape != images[1].shape:
            sizes = [f"{image.shape[2]} x {image.shape[1]}" for image in images]
            raise InputError(f"both images must be of one size, but they have {sizes[0]} and {sizes[1]} px")
        return self._as_cut(images[0]), self._as_cut(images[1])

    def _as_cut(self, image_CHW: Tensor) -> Tensor:
        """As windows are cut from it: mosaics as they are, half as many bytes to tell windows apart by; others as
        float32, which holds any `blank`."""
        cut = image_CHW.dtype == torch.uint16 and self.settings.blank in (None, 0)
        return image_CHW if cut else image_CHW.to(torch.float32)


def _all_within(unknown_HW: Tensor, place: Corner, corner: Corner, lattice: WindowLattice) -> bool:
    """Whether the part of the window at `place` that lies on the answer holds unknown pixels only."""
    starts = [max(low - start, 0) for low, start in zip(place, corner, strict=True)]
    ends = [max(low - start + lattice.window, 0) for low, start in zip(place, corner, strict=True)]
    return bool(unknown_HW[starts[0] : ends[0], starts[1] : ends[1]].all())
