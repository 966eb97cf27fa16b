import shutil

import pytest
from journey import Person, at_work, held, mapped
from shared_folder import shared


def copy_of(factory, folder, name, make) -> Person:
    shutil.copytree(shared(factory, name, make), folder, symlinks=True)
    return Person(folder)


@pytest.fixture
def person(tmp_path_factory, tmp_path) -> Person:
    """Somebody with scenes and the region file of README.md, and no map yet."""
    return copy_of(tmp_path_factory, tmp_path / "work", "journey", at_work)


@pytest.fixture
def mapper(tmp_path_factory, tmp_path) -> Person:
    """Somebody who has mapped that region."""
    return copy_of(tmp_path_factory, tmp_path / "work", "journey-mapped", mapped)


@pytest.fixture
def undecided(tmp_path_factory, tmp_path) -> Person:
    """Somebody whose newer map a gate has held back."""
    return copy_of(tmp_path_factory, tmp_path / "work", "journey-held", held)
