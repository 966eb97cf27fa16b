"""What a user would pick instead of diffusion: the network's own encoder, trained to fill in masked patches.

As SimMIM (arXiv 2111.09886): patches of 8 px, 60 % of them hidden; the loss is the mean absolute error there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from idgbr.coarse import DiffusionUNet, HRNet
from idgbr.training.crops import Crops, prefetch
from idgbr.training.ddpm import DDPMTraining, scaled_batch
from idgbr.training.loop import Progress, optimise, with_seed

PATCH, HIDDEN = 8, 0.6


def train_masked(
    prior: DiffusionUNet,
    crops: Crops,
    sizes: Mapping[str, Any],
    config: DDPMTraining,
    file: Path,
    state: Path,
    deadline: float,
) -> Iterator[Progress]:
    """Leaves the backbone's tensors of an HRNet of these sizes in `file`. prior: for its scaling of the bands."""
    bands = len(config.bands)
    network = with_seed(config.seed, lambda: HRNet(bands, bands, **sizes)).place(config.device)
    with prefetch(crops, config.optimisation.steps) as batches:

        def loss(step: int) -> Tensor:
            clean_BCHW, seen_B1HW = scaled_batch(prior, *batches(step))
            patches = [side // PATCH for side in clean_BCHW.shape[2:]]
            hidden_B1hw = (torch.rand(len(clean_BCHW), 1, *patches) < HIDDEN).float().to(clean_BCHW.device)
            hidden_B1HW = F.interpolate(hidden_B1hw, scale_factor=PATCH) * seen_B1HW
            error_BCHW = (network(clean_BCHW * (1 - hidden_B1HW)) - clean_BCHW).abs()
            return (error_BCHW * hidden_B1HW).sum() / (bands * hidden_B1HW.sum()).clamp_min(1)

        yield from optimise(network.requires_grad_(True), loss, config.optimisation, state, deadline=deadline)
    state_dict = network.state_dict().items()
    save_file({name: value.contiguous() for name, value in state_dict if name.startswith(HRNet.backbone)}, file)
