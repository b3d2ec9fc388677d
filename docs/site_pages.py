"""What mkdocs does beside building docs/*.md: pages from the project's other texts, and links that work on the site."""

import json
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any, Final

from mkdocs.structure.files import File

ROOT: Final = Path(__file__).parents[1]
# Texts outside docs/, by the page that they become.
PAGES: Final = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "bundled_weights.md": "weights/README.md",
    "golden.md": "tests/golden/README.md",
}
NOTEBOOK: Final = "docs/notebooks/first_steps.ipynb"
NOTEBOOK_PAGE: Final = "first_steps.md"
# The theme's "offline" plugin loads this from elsewhere; the site has a copy.
_SHIM: Final = "https://unpkg.com/iframe-worker/shim"
_OUR_SHIM: Final = "javascripts/iframe-worker.js"
_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made from texts outside docs/."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    files.append(File.generated(config, NOTEBOOK_PAGE, content=notebook_text(ROOT / NOTEBOOK)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's text with links to pages of the site; what the site does not have is named without a link."""
    source = {**PAGES, NOTEBOOK_PAGE: NOTEBOOK}.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return links_within_site(markdown, PurePosixPath(source))


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The page's HTML, which loads nothing from elsewhere."""
    return output.replace(_SHIM, "../" * page.url.count("/") + _OUR_SHIM)


def on_post_template(output_content: str, **_: Any) -> str:
    """The same for pages that have no text of their own, such as 404.html."""
    return output_content.replace(_SHIM, _OUR_SHIM)


def links_within_site(markdown: str, source: PurePosixPath) -> str:
    """The links of a text of the project, turned so that they work on the site.

    Args:
        source: the text's place, from the top of the project.
    """
    pages = {file: page for page, file in PAGES.items()} | {NOTEBOOK: NOTEBOOK_PAGE}

    def turned(link: re.Match[str]) -> str:
        image, words, target, anchor = link[1], link[2], link[3], link[4] or ""
        if not target or "://" in target:
            return link[0]
        place = normpath(str(source.parent / target))
        page = pages.get(place, place.removeprefix("docs/") if place.startswith("docs/") else None)
        if page is None or page.endswith((".py", ".yml")):
            return f"`{place}`" if words in (place, target) else f"{words} (`{place}`)"
        up = "../" * (len(PurePosixPath(_page_of(source)).parts) - 1)
        return f"{image}[{words}]({up}{page}{anchor})"

    return _LINK.sub(turned, markdown)


def _page_of(source: PurePosixPath) -> str:
    known = {file: page for page, file in PAGES.items()} | {NOTEBOOK: NOTEBOOK_PAGE}
    return known.get(str(source), str(source).removeprefix("docs/"))


def notebook_text(path: Path) -> str:
    """A notebook as a page: its text and its code, without outputs."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    return "\n\n".join(
        f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
        for cell, text in zip(cells, texts, strict=True)
    )
