from pipeline.console.tables import listing, live_table, print_table


def test_a_list_is_printed_whole_or_by_its_number_and_its_first_values():
    assert listing([]) == "none"
    assert listing([(0, 1), "b"]) == "(0, 1), b"
    assert listing(list("abcd"), 2) == "4, the first: a, b"


def test_a_table_prints_what_looks_like_markup(capsys):
    print_table("title [bold]", [("share [0.1]", "[red]")], ("what", "how much"))
    printed = capsys.readouterr().out
    assert "title [bold]" in printed
    assert "share [0.1]" in printed
    assert "[red]" in printed


def test_of_what_is_drawn_in_place_a_file_gets_the_last(capsys):
    with live_table() as show:
        show("cube", [("maps", "1")])
        show("cube", [("maps [b]", "22")])
    assert capsys.readouterr().out.split() == ["cube", "maps", "[b]", "22"]


def test_a_row_stays_on_one_line_in_a_file_unless_columns_says_otherwise(capsys, monkeypatch):
    row = "scenes", "S2A_32UQV_20240513_0_L2A, " * 20
    monkeypatch.delenv("COLUMNS", raising=False)
    for columns in ((), ("what", "which")):
        print_table("run", [row], columns)
        assert any(row[1].strip() in line for line in capsys.readouterr().out.splitlines())
    monkeypatch.setenv("COLUMNS", "60")
    print_table("run", [row], ("what", "which"))
    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, printed)) == 60
    assert len(printed) > 10
