import made_versions as made
from command import run_here, sentence

from pipeline.cube.cube import Cube


def test_a_folder_without_a_cube_is_not_served(tmp_path):
    assert "there is no cube" in sentence(run_here("serve", tmp_path), 2)


def test_a_site_that_no_browser_names_is_refused_before_anything_is_served(tmp_path):
    made.published(Cube.create(tmp_path / "cube"), made.plain(30))
    wrong = run_here("serve", tmp_path / "cube", "--port", "0", "--cors", "https://maps.example/")
    assert "--cors is 'https://maps.example/'" in sentence(wrong, 2)
