"""A refiner run otherwise than as a walk: again on its own answer, or as the mean over turns and flips."""

from typing import Any

import torch

from idgbr import IDGBRPipeline
from idgbr.labels import probabilities


class Repeated(IDGBRPipeline):
    """Refines `times` times; each time the last answer is the coarse mask."""

    times = 1

    def refine_logits(self, image_BCHW: Any, coarse_logits_BKHW: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        for _ in range(self.times):
            coarse_logits_BKHW = super().refine_logits(image_BCHW, coarse_logits_BKHW, *args, **kwargs)
        return coarse_logits_BKHW


class Averaged(IDGBRPipeline):
    """The mean probability over the eight turns and flips of each window (test-time averaging)."""

    def refine_logits(self, image_BCHW: Any, coarse_logits_BKHW: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        inputs = [torch.as_tensor(value) for value in (image_BCHW, coarse_logits_BKHW)]
        answers = []
        for turns in range(4):
            for flipped in (False, True):
                turned = [torch.rot90(value, turns, (-2, -1)) for value in inputs]
                turned = [value.flip(-1).contiguous() if flipped else value.contiguous() for value in turned]
                answer = probabilities(super().refine_logits(*turned, *args, **kwargs))
                answers.append(torch.rot90(answer.flip(-1) if flipped else answer, -turns, (-2, -1)))
        return torch.stack(answers).mean(0).clamp_min(1e-9).log()


def repeated(times: int) -> type[Repeated]:
    return type("Repeated", (Repeated,), {"times": times})
