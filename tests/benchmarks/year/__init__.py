"""A simulated year: an update with a change model after each pass, beside mapping everything that new scenes touch.

    PYTHONPATH=tests/benchmarks python -m year --folder out/year --kilometres 18 --block 512 --begin 3 \
        --everything-every 10 --change simulated-s2-change --json year.json --pictures out/year

The land changes, fields are harvested, floods come and go, a scene is withdrawn, another comes in a newer baseline, and
on one evening the catalog cannot be reached. The first map is that of the pass after `--begin` others. Beside it stands
a cube in which everything is mapped: on the last evening, and with `--everything-every N` on every N-th. Its seconds
are the blocks that new scenes touch each evening, times the seconds of a block on the evenings on which it was mapped.
World, cubes, mosaics and rows stay in the folder, and the same command goes on where it was stopped. Seconds of the
device are those of its thread, so that other work on the machine does not count.

Told are the seconds of asking, of mapping by why blocks went on, and, as an estimate, how they would grow with the
changes of the land. Recall is told of the changes that a clear view shows, and of those that
updates would have mapped if the change model made no error: with `--confirm N` some are not confirmed yet.

`vectors` in place of a change model is change-vector analysis: the length of the difference of two mosaics as a share
of 2,000 (reflectance x 10,000).
"""
