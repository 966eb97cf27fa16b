"""Starting Ray and connecting to one."""

import os
import re
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from cluster import PoolError, PoolLost, pool


@pytest.mark.ray
def test_ray_listens_on_this_machine_only(local_ray):
    import ray

    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}


@pytest.mark.parametrize("outcome", ["ends well", "raises", "loses its head"])
def test_the_files_of_a_ray_stay_only_where_something_failed(monkeypatch, tmp_path, outcome):
    from cluster import ray_session

    ray_session.secure_environment()
    import ray

    session, latest, other = (tmp_path / name for name in ("session_2", "session_latest", "session_1"))
    for folder in (session, other):
        (folder / "logs").mkdir(parents=True)
    latest.symlink_to(session)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray_session, "start_ray", lambda *asked, **options: session)
    lost = SimpleNamespace(is_alive=lambda: outcome != "loses its head", error=PoolLost("the Ray at local was lost"))
    monkeypatch.setattr(ray_session, "Connection", lambda address: lost)
    with suppress(PoolLost, KeyError), ray_session.connect("local", 1):
        if outcome == "raises":
            raise KeyError
    assert [session.exists(), latest.is_symlink()] == [outcome != "ends well"] * 2
    assert other.exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "no Ray answers at address '127.0.0.1:1': give local to start one"),
        ("ray://127.0.0.1:1", "no Ray answers at address 'ray://127.0.0.1:1'"),
        ("nowhere", "address is 'nowhere', but it must be none, local, auto, ray://host:port or host:port"),
        ("host:port", "address is 'host:port', but it must be"),
        ("ray://[::1", "address is 'ray://[::1', but it must be"),
    ],
)
def test_an_address_without_a_ray_is_refused_at_once(address, said):
    with pytest.raises(PoolError, match=re.escape(said)), pool(list, address=address):
        pass


def test_a_job_joins_the_ray_that_its_environment_names(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with (
        pytest.raises(PoolError, match=re.escape("no Ray answers at address '127.0.0.1:1'")),
        pool(list, address="auto"),
    ):
        pass


@pytest.mark.parametrize("named", ["nonsense", "local", "http://"])
def test_an_address_in_the_environment_that_is_none_is_refused_by_its_name(monkeypatch, named):
    monkeypatch.setenv("RAY_ADDRESS", named)
    said = f"RAY_ADDRESS is {named!r}, but it must be auto, ray://host:port or host:port"
    with pytest.raises(PoolError, match=re.escape(said)), pool(list, address="auto"):
        pass


def test_a_ray_that_this_process_starts_is_guarded_by_a_token_of_its_own(monkeypatch):
    from cluster.ray_session import secure_environment

    monkeypatch.delitem(sys.modules, "ray", raising=False)
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    tokens = set()
    for _ in range(2):
        secure_environment()
        assert os.environ["RAY_AUTH_MODE"] == "token"
        tokens.add(os.environ["RAY_AUTH_TOKEN"])
        monkeypatch.delenv("RAY_AUTH_TOKEN")
    assert len(tokens) == 2
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    secure_environment()
    assert "RAY_AUTH_TOKEN" not in os.environ
