"""What ranks do in tests."""

import os


def line(config, device, tell):
    """Fits a line to this rank's share of points by gradient descent; all ranks' weights."""
    import torch
    from torch import distributed

    from idgbr.training.loop import Optimisation, optimise
    from idgbr.training.ranks import rank

    torch.manual_seed(rank())
    network = torch.nn.Linear(3, 1)
    share = config["points"] // distributed.get_world_size()

    def loss(step):
        x, y = batch(step, config["points"])
        own = slice(share * rank(), share * (rank() + 1))
        return (network(x[own]) - y[own]).square().mean()

    how = Optimisation(steps=config["steps"], rate=0.1, warmup=2, ema=0.5)
    for progress in optimise(network, loss, how, config.get("state"), save_every=2):
        tell((progress.step, progress.loss, rank()))
    own = torch.cat([network.weight.detach().ravel(), network.bias.detach()])
    everyone = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everyone, own)
    return [weights.tolist() for weights in everyone], device, os.environ["OMP_NUM_THREADS"]


def batch(step, points):
    import torch

    x = torch.randn(points, 3, generator=torch.Generator().manual_seed(step))
    return x, x.sum(1, keepdim=True) + 1


def import_path(config, device, tell):
    import sys

    return sys.path


def one_fails(config, device, tell):
    from torch import distributed

    if distributed.get_rank() == 1:
        raise LookupError(f"{config} is not there")
    distributed.barrier()
