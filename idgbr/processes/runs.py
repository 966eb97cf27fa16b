"""Whether a refiner can be run as the settings of its model say."""

from __future__ import annotations

from idgbr.errors import InputError
from idgbr.processes import PROCESSES
from idgbr.processes.sampling import Denoiser, Sampling


def check_run(refiner: Denoiser, how: Sampling, ensemble_size: int) -> None:
    """InputError for a walk that its process does not know, for guidance by an answer that it has not learned, and for
    an ensemble of equal answers."""
    process, steps = refiner.config["process"], how.num_inference_steps
    PROCESSES[process].check(how)
    if how.guidance_scale != 1 and not refiner.config["condition_dropout"]:
        raise InputError(
            f"guidance_scale {how.guidance_scale:g} needs a refiner that has learned to answer without image and mask "
            "(condition_dropout above 0 in its training); leave guidance_scale at 1"
        )
    if ensemble_size == 1:
        return
    if process == "bridge" and refiner.config["sigma"] == 0:
        why = "this refiner has no noise (sigma 0)"
    elif process == "discrete" and steps == 1:
        why = "a discrete process of one step uses no noise"
    else:
        return
    raise InputError(f"ensemble_size {ensemble_size} would average equal answers, for {why}; leave ensemble_size at 1")
