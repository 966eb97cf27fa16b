"""Links of pages that are also read in the repository, made into links of the site."""

import os
import posixpath
import re
from collections.abc import Mapping

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]*)(#[^)\s]*)?\)")


def to_site(text: str, source: str, pages: Mapping[str, str]) -> str:
    """`text` of the repository's file `source` with its links changed; `pages` has each file's place in the site.

    Links to pages and to files of docs/ become relative to the page; of those to other files the words stay.
    """
    here = posixpath.dirname(pages[source])

    def changed(match: re.Match[str]) -> str:
        mark, words, target, anchor = match[1], match[2], match[3], match[4] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        readme = posixpath.join(file, "README.md")
        place = pages.get(file) or pages.get(readme) or (file.removeprefix("docs/") if file.startswith("docs/") else "")
        return f"{mark}[{words}]({os.path.relpath(place, here or '.')}{anchor})" if place else words

    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(changed, part) for part in parts)
