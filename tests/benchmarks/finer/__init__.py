"""Labels of 2.5 m from images of 10 m: is a head on the frozen shipped model better than its map, enlarged?

`PYTHONPATH=tests/benchmarks python -m finer` makes simulated worlds, whose truth is known at 2.5 m, trains the head on
some of them, scores it and its rivals on others, and writes a table and pictures. What is made is kept in `--home`.
"""

SCALE = 4
METRES = 2.5
