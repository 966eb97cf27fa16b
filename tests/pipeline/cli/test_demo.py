"""What the verb demo refuses; what it does: tests/pipeline/demo."""

import pytest
from command import run_here, sentence


@pytest.mark.parametrize("option", ["--serve", "--second-act"])
def test_what_follows_a_demo_is_refused_without_one(tmp_path, option):
    told = sentence(run_here("demo", tmp_path, option), 2)
    assert "holds no demonstration: make one with `" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("others", [["--second-act"], ["--json", "scores.json"]])
def test_serve_goes_with_no_option_that_makes_a_map(tmp_path, others):
    told = sentence(run_here("demo", tmp_path, "--serve", *others), 2)
    assert "leave out --second-act and --json" in told
