from command import run_here, sentence


def test_a_folder_without_a_cube_is_not_served(tmp_path):
    assert "there is no cube" in sentence(run_here("serve", tmp_path), 2)
