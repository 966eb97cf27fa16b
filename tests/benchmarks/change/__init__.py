"""How well change is learned from few pairs and short schedules, beside what a user would pick instead.

    PYTHONPATH=tests/benchmarks .venv/bin/python -m change --steps 2000
    PYTHONPATH=tests/benchmarks .venv/bin/python -m change --methods cva-otsu,classes --minutes 5

Sets: `sztaki_airchange` (2 pairs held out), `oscd` (3 cities held out, the three bands that all cities have) and
`levir_cd` of IDGBR_DATA, and pairs of simulated worlds. Methods: the Semantic Change Network from its prior and from
nothing, three ablations of it, a siamese U-Net of differences, change-vector analysis with Otsu's threshold and, where
a map model knows the ground, the comparison of two maps. A result is kept by set, method, seed, share and steps; the
same command goes on where it was stopped, also within a training.
"""
