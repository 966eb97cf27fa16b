"""Read a page: that its elements are closed and it asks nothing of any host, and its text."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input", "image", "rect", "path"}


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.outside, self.words, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "action", "data") and not (value or "").startswith(("data:", "#")):
                self.outside.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)


def read_page(text):
    """The text of a page that stands alone, its parts on one line each."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert reader.outside == []
    assert "script" not in reader.tags
    assert "@import" not in text
    assert "url(" not in text
    return "\n".join(words for words in (each.strip() for each in reader.words) if words)
