"""The screenshots of the README, made from phantoms: three runs of the bundled weights, scored, ranked and reported.

    python docs/tour.py [FOLDER]        needs chromium and Playwright; takes some minutes; writes docs/images/

The runs are the bundled ensemble, the same without its post-processing, and its U-Net alone.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bratseg.weights.folder import default_weights, read_manifest, write_manifest

CASES, FIRST_SEED = 6, 710_000
IMAGES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
EDITION = "ssa-2024"


def program(name: str, *words: str) -> None:
    print("$", name, *words, flush=True)
    subprocess.run([sys.executable, "-m", f"{name}.cli", *words], check=True)


def main(folder: Path) -> None:
    cases, board = folder / "cases", folder / "board.db"
    program("bratseg", "phantom", "-o", str(cases), "-n", str(CASES), "--seed", str(FIRST_SEED))
    parameters = folder / "no-postprocessing.yaml"
    parameters.write_text("postprocess: false\n")
    runs = {
        "phantoms/ensemble": [],
        "phantoms/no-postprocessing": ["--parameters", str(parameters)],
        "phantoms/unet-alone": ["--weights", str(unet_alone(folder / "unet"))],
    }
    for run, options in runs.items():
        predictions, scores = folder / run / "predictions", folder / run / "scores"
        program("bratseg", "infer", "-i", str(cases), "-o", str(predictions), *options)
        program("bratseval", "score", str(predictions), str(cases), "--edition", EDITION, "-o", str(scores))
        program(
            "bratseval", "leaderboard", "add", str(scores / "scores.json"), "--name", run, "--leaderboard", str(board)
        )
    program("bratseval", "rank", "--leaderboard", str(board))
    report = folder / "report"
    program(
        *("bratseval", "report", "--leaderboard", str(board), "--cases", str(cases), "-o", str(report)),
        *("--title", "Three runs on phantoms"),
    )
    screenshots(report)


def unet_alone(folder: Path) -> Path:
    """The bundled weights with one member."""
    shutil.copytree(default_weights(), folder)
    shutil.rmtree(folder / "mednext")
    manifest = read_manifest(folder)
    kept = tuple(file for file in manifest.files if not file.path.startswith("mednext/"))
    write_manifest(folder, replace(manifest, shares=manifest.shares[:1], files=kept))
    return folder


def screenshots(report: Path) -> None:
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_context(offline=True, viewport={"width": 1400, "height": 900}).new_page()
        page.goto((report / "report.html").as_uri())
        page.screenshot(
            path=IMAGES / "report.png", clip={"x": 0, "y": 0, "width": 1400, "height": 1000}, full_page=True
        )
        page.goto((report / "report_files" / "case-0000.html").as_uri())
        wait_until_ready(page)
        page.locator("tr.lesion").nth(1).click()
        page.wait_for_timeout(3000)
        page.screenshot(path=IMAGES / "case.png", clip={"x": 0, "y": 0, "width": 1400, "height": 1250}, full_page=True)
        browser.close()


def wait_until_ready(page: Page) -> None:
    while not page.evaluate("Boolean(window.report?.ready)"):
        page.wait_for_timeout(200)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
