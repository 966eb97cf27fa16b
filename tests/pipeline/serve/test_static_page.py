"""Covers `one_file.py` too. What the page shows is looked at in a browser: tests/browser/test_static_page.py."""

import re

from pipeline.serve.static_page import static_page


def test_the_page_is_one_file_that_runs_nothing_but_what_is_in_it():
    page = static_page()
    outside_scripts = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)=\"(?!data:)", outside_scripts)
    assert not re.search(r"<script[^>]* src=", page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    directives = {words[0]: words[1:] for words in (part.split() for part in policy.split(";"))}
    assert directives["default-src"] == ["'none'"]
    assert [name for name, allowed in directives.items() if "*" in allowed] == ["connect-src"]
    assert not re.search(r"https?:", policy)


def test_it_has_the_licences_of_its_libraries_in_it():
    licences = re.search(r'id="kept-licences">(.*?)</script>', static_page(), re.DOTALL)[1]
    for name in ("ol 10", "proj4 2", "zarrita 0", "BSD 2-Clause License"):
        assert name in licences
