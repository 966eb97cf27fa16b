import os

from hypothesis import settings

from cluster.joining import guard

guard()
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
