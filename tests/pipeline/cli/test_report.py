"""`report`, and `plan --html`: the pages of a run and of a plan."""

from command import run_here
from standalone_html import read_page

from pipeline.execution.report_page import page_file


def test_report_writes_the_page_of_the_newest_run_and_prints_where(undisturbed, tmp_path):
    region, report = undisturbed
    page = region.cube / page_file(report.run)
    page.write_text("")
    done = run_here("report", region.cube)
    assert (done.returncode, done.stdout) == (0, f"{page}\n")
    assert report.version in read_page(page.read_text())


def test_report_writes_another_file_and_leaves_the_cube_alone(undisturbed, tmp_path):
    region, report = undisturbed
    assert run_here("report", region.cube).returncode == 0
    before = (region.cube / page_file(report.run)).read_bytes()
    done = run_here("report", region.cube, report.run, "--out", tmp_path / "page.html")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'page.html'}\n")
    assert (tmp_path / "page.html").read_bytes() == before


def test_report_of_no_run_or_into_no_folder_is_a_sentence(undisturbed, tmp_path):
    region, _ = undisturbed
    for words in (("nobody",), ("--out", tmp_path / "none" / "page.html")):
        done = run_here("report", region.cube, *words)
        assert done.returncode == 2
        assert done.stderr.startswith("idgbr: ")
        assert done.stderr.count("\n") == 1


def test_plan_draws_its_page_and_leaves_no_cube(region_of, tmp_path):
    region = region_of()
    file = region.cube.parent / "region.yaml"
    done = run_here("plan", file, "--html", tmp_path / "plan.html")
    assert done.returncode == 0, done.stderr
    assert "expected clear views of each block" in read_page((tmp_path / "plan.html").read_text())
    assert run_here("plan", file, "--html", tmp_path / "no" / "plan.html").returncode == 2
