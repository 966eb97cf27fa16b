"""How labels turn into what the refiner starts from, step by step, and how it walks back.

Each process is a module with the same three functions: `add_noise(time_B, clean, coarse, noise, sigma)` is the training
input at time 0 (the truth) to 1 (the start), `sample(refiner, condition, coarse, noise, how)` the answer, and
`check(how)` an InputError for a way that it is not run.
"""

from idgbr.processes import bridge, diffusion, discrete

PROCESSES = {"bridge": bridge, "diffusion": diffusion, "discrete": discrete}

__all__ = ["PROCESSES", "bridge", "diffusion", "discrete"]
