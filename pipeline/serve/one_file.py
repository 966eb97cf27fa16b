"""A page of the package, with all that it needs, as the text of one HTML file."""

from collections.abc import Mapping
from importlib.resources import files

PAGE = files("pipeline.serve") / "page"


def asset(name: str) -> str:
    """The text of a built file."""
    return (PAGE / "assets" / name).read_text(encoding="utf-8")


def in_one_file(name: str, policy: str, held: Mapping[str, tuple[str, str]]) -> str:
    """`index.html` with the script and style `name` in it. policy: what the page may load (Content-Security-Policy).

    held: media type and text of what the script finds in the page, by the id of its element.
    """
    parts = {
        '<link rel="stylesheet" href="assets/page.css">': f"<style>{asset(f'{name}.css')}</style>",
        '<script type="module" src="assets/page.js"></script>': "",
        '<meta charset="utf-8">': (
            f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">'
        ),
        "</body>": "\n".join(
            (
                *(_script(f'type="{kind}" id="{id}"', text) for id, (kind, text) in held.items()),
                _script('type="module"', asset(f"{name}.js")),
                "</body>",
            )
        ),
    }
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    for old, new in parts.items():
        assert old in text, f"index.html has {old}"
        text = text.replace(old, new, 1)
    return text


def _script(attributes: str, text: str) -> str:
    inside = text.replace("</script", "<\\/script")
    return f"<script {attributes}>{inside}</script>"
