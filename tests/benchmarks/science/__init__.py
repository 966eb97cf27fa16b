"""Does boundary refinement help, does diffusion matter, and what does it cost? Trained and scored on real images.

`make science` (or `python -m science` with tests/benchmarks on the path) trains coarse networks, refiners, controls and
ablations on the labelled sets found through IDGBR_DATA, scores all on places kept out, and writes tables and pictures.
It continues where it was stopped; `--minutes` makes it stop by itself.
"""
