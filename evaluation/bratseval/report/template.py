"""Pages from templates: every name is escaped, and a page may load nothing from anywhere but its own folder."""

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import jinja2

# Vendored: npm's @niivue/niivue 0.69.0, dist/niivue.umd.js, BSD-2-Clause (assets/niivue-LICENSE.txt).
NIIVUE: Final = "niivue-0.69.0.umd.js"
NIIVUE_SHA256: Final = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
# No connection to anywhere: pages are opened from a folder, and the names in them are strangers'.
POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' file: 'self'; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)


def render(name: str, **values: object) -> str:
    """A page from a template; values are escaped for HTML wherever they stand."""
    return _templates().get_template(name).render(policy=POLICY, css=asset("report.css"), **values)


def asset(name: str) -> str:
    """The text of a file that pages carry."""
    return (resources.files("bratseval.report") / "assets" / name).read_text("utf-8")


@lru_cache(maxsize=1)
def _templates() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("bratseval.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
