"""A report in a real browser, from a folder, without a network: Debian's chromium through Playwright."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bratseval.cli import main
from bratseval.files.nifti import read_labels, write_labels
from factories.reports import CASES, HOSTILE, write_submissions

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

# WebGL2 by the processor: no graphics card is needed
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
LONGEST_MS = 120_000
# what the viewer says of itself, and of volumes that are mostly nothing
HARMLESS = ("niivue-info", "niivue-warn", "GL Driver Message")

# How many colours there are in what the viewer has drawn.
COLOURS_DRAWN = """() => {
    const nv = window.report.nv, gl = nv.gl;
    nv.drawScene();
    const width = gl.drawingBufferWidth, height = gl.drawingBufferHeight, pixels = new Uint8Array(4 * width * height);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    const seen = new Set();
    for (let i = 0; i < pixels.length; i += 4) {
        seen.add(pixels.slice(i, i + 3).join());
    }
    return seen.size;
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    first, second = write_submissions(root)
    line = ["report", f"first={first}", f"{HOSTILE}={second}", "--cases", str(root / "cases"), "--title", HOSTILE]
    assert main([*line, "-o", str(root / "out"), "--jobs", "1", "--permutations", "100"]) == 0
    return root / "out"


class Watched:
    """A page that writes down what goes wrong in it, and every address it asks for."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.wrong: list[str] = []
        page.set_default_timeout(LONGEST_MS)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self._console(said.type, said.text))
        page.on("request", lambda request: self._request(request.url))

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(word in text for word in HARMLESS):
            self.wrong.append(f"{kind}: {text}")

    def _request(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.wrong.append(f"asked for {url}")

    def open(self, path: Path) -> "Page":
        self.page.goto(path.as_uri())
        return self.page

    def open_case(self, path: Path) -> "Page":
        self.open(path)
        wait_for(self.page, "window.report?.ready")
        return self.page


def opened(flags: list[str]) -> Iterator[Watched]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed here. Run `apt-get install chromium`.")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=flags)
        context = browser.new_context(offline=True, viewport={"width": 1400, "height": 1000}, accept_downloads=True)
        yield Watched(context.new_page())
        browser.close()


@pytest.fixture
def browser() -> Iterator[Watched]:
    yield from opened(FLAGS)


@pytest.fixture
def old_browser() -> Iterator[Watched]:
    """One without WebGL2, as on a hospital's remote desktop."""
    yield from opened(["--no-sandbox", "--disable-gpu", "--disable-3d-apis", "--disable-software-rasterizer"])


def test_the_front_page_sorts_and_a_hostile_name_does_nothing(browser: Watched, report: Path) -> None:
    page = browser.open(report / "report.html")
    assert page.title() == HOSTILE
    assert page.evaluate("document.querySelectorAll('script').length") == 1
    heads = page.locator("#case-table thead th")
    assert heads.nth(2).inner_text().startswith(HOSTILE)
    for times, order in ((1, list(CASES)), (2, list(reversed(CASES)))):
        heads.nth(0).click()
        assert page.locator("#case-table tbody th").all_inner_texts() == order, times
    assert heads.nth(0).get_attribute("aria-sort") == "descending"
    assert browser.wrong == []


def test_a_point_and_a_row_lead_to_their_case(browser: Watched, report: Path) -> None:
    page = browser.open(report / "report.html")
    links = page.locator(".plot svg a")
    # two measures in three regions, two submissions, two cases each; two points and two bars of the pair
    assert links.count() == 2 * 3 * 2 * 2 + 4
    page.locator("#case-table a").last.click()
    page.wait_for_url("**/case-*.html")
    wait_for(page, "window.report?.ready")
    assert page.url.startswith((report / "report_files").as_uri())
    assert browser.wrong == []


def test_the_viewer_draws_and_goes_to_the_lesion_that_is_clicked(browser: Watched, report: Path) -> None:
    page = browser.open_case(report / "report_files" / "case-0000.html")
    assert page.locator("body.without-viewer").count() == 0
    # the whole picture is not one colour
    colours = page.evaluate(COLOURS_DRAWN)
    assert colours > 50
    rows = page.locator("tr.lesion")
    for index in (1, rows.count() - 1):
        rows.nth(index).click()
        assert crosshair(page) == pytest.approx(centroid(page, index), abs=0.01)
    assert browser.wrong == []


def test_the_keyboard_steps_to_the_next_lesion_and_turns_the_difference_on(browser: Watched, report: Path) -> None:
    page = browser.open_case(report / "report_files" / "case-0001.html")
    page.locator("tr.lesion").first.click()
    page.keyboard.press("n")
    assert page.locator("tr.lesion.current").count() == 1
    assert crosshair(page) == pytest.approx(centroid(page, 1), abs=0.01)
    page.keyboard.press("p")
    assert crosshair(page) == pytest.approx(centroid(page, 0), abs=0.01)
    page.keyboard.press("d")
    wait_for(page, "window.report.nv.volumes[1].name.startsWith('difference')")
    page.keyboard.press("d")
    wait_for(page, "window.report.nv.volumes[1].name.startsWith('labels')")
    # one submission's lesions alone
    page.locator("#whose").select_option("1")
    assert page.locator("tr.lesion:visible").count() == 2 * 3 + 1
    assert browser.wrong == []


def test_labels_hide_one_by_one(browser: Watched, report: Path) -> None:
    page = browser.open_case(report / "report_files" / "case-0000.html")
    page.locator("input.label[value='3']").uncheck()
    # the colour of label 3 is see-through now: the last of four bytes of its place in the table
    wait_for(page, "window.report.hidden.has(3)")
    wait_for(page, "window.report.nv.volumes[1].colormapLabel.lut[4 * 3 + 3] === 0")
    assert browser.wrong == []


def test_slices_stand_in_where_there_is_no_webgl(old_browser: Watched, report: Path) -> None:
    page = old_browser.open_case(report / "report_files" / "case-0000.html")
    assert page.locator("body.without-viewer").count() == 1
    assert page.get_by_text("no WebGL2").is_visible()
    strips = page.locator(".strips img")
    assert strips.count() == 3
    assert strips.first.evaluate("image => image.naturalWidth") > 100
    assert not page.locator("canvas").is_visible()
    # lesions can be stepped through all the same
    page.keyboard.press("n")
    assert page.locator("tr.lesion.current").count() == 1


def test_notes_are_kept_and_downloaded(browser: Watched, report: Path) -> None:
    path = report / "report_files" / "case-0000.html"
    page = browser.open_case(path)
    page.locator("#note").fill("missed the second lesion")
    page.locator("#rating").select_option("2")
    page = browser.open_case(path)
    assert page.locator("#note").input_value() == "missed the second lesion"
    with page.expect_download() as started:
        page.locator("#download").click()
    text = Path(started.value.path()).read_text()
    assert '"rating": "2"' in text
    assert CASES[0] in text
    assert browser.wrong == []


def wait_for(page: "Page", condition: str) -> None:
    """Until a condition holds; Playwright's own way evaluates text in the page, which the page's policy forbids."""
    until = time.monotonic() + LONGEST_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < until, condition
        page.wait_for_timeout(50)


def test_three_submissions_on_a_real_case(browser: Watched, shared: Path, tmp_path: Path) -> None:
    case, segmentations = "BraTS-GLI-00001-000", shared / "data/segmentations/BraTS-GLI-00001-000"
    (tmp_path / "references").mkdir()
    shutil.copy(segmentations / "reference-labels123.nii.gz", tmp_path / "references" / f"{case}-seg.nii.gz")
    found = read_labels(segmentations / "prediction-labels123.nii.gz")
    shifted = np.roll(found.voxels, 3, axis=0)
    shifted[60:66, 180:186, 40:46] = 2
    named = []
    for name, voxels in (("isen", found.voxels), (HOSTILE, shifted), ("nothing", np.zeros_like(shifted))):
        folder, out = tmp_path / f"predictions-{len(named)}", tmp_path / f"scores-{len(named)}"
        folder.mkdir()
        write_labels(folder / f"{case}.nii.gz", voxels, found.grid)
        line = ["score", str(folder), str(tmp_path / "references"), "--edition", "gli-2023", "-o", str(out)]
        assert main([*line, "--jobs", "1"]) == 0
        named.append(f"{name}={out / 'scores.json'}")
    line = ["report", *named, "--cases", str(shared / "data/real"), "-o", str(tmp_path / "out"), "--jobs", "1"]
    assert main([*line, "--permutations", "100"]) == 0

    page = browser.open(tmp_path / "out" / "report.html")
    assert page.locator("#standings tbody tr").count() == 3
    page = browser.open_case(tmp_path / "out" / "report_files" / "case-0000.html")
    assert page.evaluate(COLOURS_DRAWN) > 200
    spurious = page.locator("tr.lesion.spurious").first
    spurious.click()
    told = spurious.get_attribute("data-mm")
    assert told is not None
    # the box from (60, 180, 40) to (65, 185, 45): its middle, in LPS by the case's affine
    assert crosshair(page) == pytest.approx([float(c) for c in told.split()], abs=0.01)
    assert browser.wrong == []


def crosshair(page: "Page") -> list[float]:
    found: list[float] = page.evaluate(
        "Array.from(window.report.nv.frac2mm(window.report.nv.scene.crosshairPos)).slice(0, 3)"
    )
    return found


def centroid(page: "Page", index: int) -> list[float]:
    told = page.locator("tr.lesion").nth(index).get_attribute("data-mm")
    assert told is not None
    return [float(c) for c in told.split()]
