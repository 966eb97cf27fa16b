"""The memory of a machine, and of a container on it by the files of Linux's control groups."""

from types import SimpleNamespace

import psutil
import pytest

from cluster import machine_memory
from cluster.memory import available_memory

GB = 10**9
MACHINE = SimpleNamespace(total=256 * GB, available=200 * GB)
VERSION_2 = {
    "memory.max": f"{16 * GB}\n",
    "memory.current": f"{15 * GB}\n",
    "memory.stat": f"anon 1\ninactive_file {2 * GB}\n",
}
VERSION_1 = {
    "memory/memory.limit_in_bytes": f"{16 * GB}\n",
    "memory/memory.usage_in_bytes": f"{15 * GB}\n",
    "memory/memory.stat": f"cache 1\ntotal_inactive_file {2 * GB}\n",
}


@pytest.mark.parametrize(
    ("files", "total", "available"),
    [
        ({}, 256 * GB, 200 * GB),
        (VERSION_2, 16 * GB, 3 * GB),
        (VERSION_1, 16 * GB, 3 * GB),
        (VERSION_2 | {"memory.max": "max\n"}, 256 * GB, 200 * GB),
        (VERSION_1 | {"memory/memory.limit_in_bytes": f"{2**63 - 4096}\n"}, 256 * GB, 200 * GB),
        (VERSION_2 | {"memory.current": f"{19 * GB}\n"}, 16 * GB, 0),
    ],
    ids=["no container", "version 2", "version 1", "unlimited", "unlimited of version 1", "used up"],
)
def test_a_container_has_its_limit_less_what_it_uses_not_the_memory_of_its_machine(
    tmp_path, monkeypatch, files, total, available
):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("cluster.memory.CGROUPS", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: MACHINE)
    assert (machine_memory(), available_memory()) == (total, available)


def test_this_machine_has_no_more_available_than_it_has():
    assert 0 < available_memory() <= machine_memory() <= psutil.virtual_memory().total
