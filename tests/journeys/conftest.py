import shutil

import pytest
from journey import Person, at_work, held, mapped
from shared_folder import shared


@pytest.fixture
def copied(tmp_path_factory, tmp_path):
    """A function that gives a person a copy of a folder, which is made once a session."""

    def copy(name, make) -> Person:
        shutil.copytree(shared(tmp_path_factory, name, make), tmp_path / "work", symlinks=True)
        return Person(tmp_path / "work")

    return copy


@pytest.fixture
def person(copied) -> Person:
    """Somebody with scenes and the region file of README.md, and no map yet."""
    return copied("journey", at_work)


@pytest.fixture
def mapper(copied) -> Person:
    """Somebody who has mapped that region."""
    return copied("journey-mapped", mapped)


@pytest.fixture
def undecided(copied) -> Person:
    """Somebody whose newer map a gate has held back."""
    return copied("journey-held", held)
