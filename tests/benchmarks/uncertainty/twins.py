"""Feed-forward refiners of the shipped coarse network, trained briefly: for a deep ensemble, and with dropout."""

import time
from collections.abc import Sequence
from pathlib import Path

from science.presets import PRESETS
from science.variants import CONTROLS
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr import IDGBRPipeline
from idgbr.refiners.refiner import Refiner
from idgbr.training import Optimisation, RefinerTraining, train_refiner
from idgbr.training.crops import Pair
from idgbr.training.refiner import new_refiner

CONTROL = CONTROLS["feed-forward"]
SIZES = {**PRESETS["cpu"].sizes, **CONTROL.sizes}
RATE = 0.1
"""Share of the channels that dropout leaves out."""
DROPPED = ("block4", "block8", "block16", "up8", "up4", "up2")


def twin(folder: Path, pairs: Sequence[Pair], seed: int, steps: int, dropout: bool = False) -> IDGBRPipeline:
    """The shipped coarse network with a refiner trained on `pairs`, which it must not have seen; kept in `folder`."""
    if not (folder / "refiner").is_dir():
        began = time.process_time()
        shipped = IDGBRPipeline.from_pretrained("simulated-s2")
        IDGBRPipeline(shipped.settings, shipped.coarse).save_pretrained(folder)
        optimisation = Optimisation(steps=steps, rate=2e-3, warmup=30, ema=0.985)
        how = RefinerTraining(crop=128, seed=seed, sizes=SIZES, optimisation=optimisation, **CONTROL.training)
        refiner = new_refiner(pairs, shipped.settings, how)
        for _ in train_refiner(pairs, folder, how, refiner=_dropping(refiner) if dropout else refiner):
            pass
        print(f"{folder.name}: {steps} steps, {time.process_time() - began:.0f} CPU s", flush=True)
    model = IDGBRPipeline.from_pretrained(folder).with_settings(**CONTROL.run)
    if dropout:
        assert isinstance(model.refiner, Refiner)
        _dropping(model.refiner)
    return model


def _dropping(refiner: Refiner) -> Refiner:
    """The same refiner, which leaves out channels at random, also when it is not training (arXiv 1506.02142)."""

    def drop(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return F.dropout2d(output, RATE, training=True)

    for name in DROPPED:
        refiner.get_submodule(name).register_forward_hook(drop)
    return refiner
