"""Draws the rooms of both packages and what each imports, from the imports themselves: docs/images/rooms.svg.

python docs/draw_rooms.py            writes the drawing
python docs/draw_rooms.py --check    ends with 1 when the drawing is out of date
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DRAWING: Final = ROOT / "docs" / "images" / "rooms.svg"
PACKAGES: Final = {"bratseval": ROOT / "evaluation" / "bratseval", "bratseg": ROOT / "src" / "bratseg"}
# What each room knows, from the bytes down to the people; a room imports only rooms above it.
ROOMS: Final[Mapping[str, Mapping[str, str]]] = {
    "bratseval": {
        "challenge": "what BraTS fixes: tables with sources",
        "files": "bytes in and out: NIfTI, JSON, CSV",
        "submission": "what was handed in, and every problem",
        "metrics": "masks in, numbers out",
        "scoring": "one case: what it scores",
        "results": "all cases: tables, scores.json",
        "leaderboard": "the store",
        "ranking": "ranks, intervals, tests",
        "report": "pages that open offline",
        "api": "what programs import",
        "cli": "the commands; the only room that prints",
    },
    "bratseg": {
        "models": "networks behind one Protocol",
        "weights": "the weights folder; converting checkpoints",
        "radiomics": "features of a tumour",
        "postprocess": "clusters, thresholds, small components",
        "inference": "from a case's images to its labels",
        "folds": "stratified cross-validation",
        "training": "campaigns through nnU-Net's trainer",
        "tuning": "shares and thresholds, by search",
        "phantoms": "made brains with tumours",
        "demo": "demonstrations, the default weights' training",
        "api": "what programs import",
        "cli": "the commands; the only room that prints",
        "entrypoint": "the container's start",
    },
}
BOX_WIDTH, BOX_HEIGHT, STEP, TOP = 330, 46, 66, 70
LEFT: Final = {"bratseval": 150, "bratseg": 590}  # x of the boxes
WIDTH, HEIGHT = 1070, TOP + 13 * STEP + 10


def main(words: list[str]) -> int:
    """Write or check the drawing; gives the exit code."""
    drawing = draw()
    if words != ["--check"]:
        DRAWING.write_text(drawing, encoding="utf-8")
        return 0
    if DRAWING.is_file() and DRAWING.read_text("utf-8") == drawing:
        return 0
    print(f"{DRAWING.relative_to(ROOT)}: differs from what the imports say. Run `python docs/draw_rooms.py`.")
    return 1


def imports_of(package: str, room: str) -> set[str]:
    """The rooms that a room imports, dotted: {"bratseval.files", ...}; itself is not among them."""
    place = PACKAGES[package] / room
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    found = {name for path in paths for name in _imported(path)}
    rooms = {".".join(name.split(".")[:2]) for name in found}
    known = {f"{owner}.{name}" for owner, names in ROOMS.items() for name in names}
    return (rooms & known) - {f"{package}.{room}"}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def arrows(package: str) -> list[tuple[str, str]]:
    """The imports within a package as (from, to), without those that follow from two others."""
    uses = {room: {name.split(".")[1] for name in imports_of(package, room) if name.startswith(f"{package}.")}
            for room in ROOMS[package]}  # fmt: skip
    reached: dict[str, set[str]] = {}
    for room in ROOMS[package]:  # in order, so what a room imports is known before it
        reached[room] = uses[room].union(*(reached[other] for other in uses[room]))
    return [
        (room, other)
        for room in ROOMS[package]
        for other in sorted(uses[room], key=list(ROOMS[package]).index)
        if not any(other in reached[between] for between in uses[room] - {other})
    ]


def draw() -> str:
    """The drawing as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" role="img">',
        "<title>The rooms of bratseval and bratseg, and what they import</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#6b7a99"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
    ]
    for package, folder in (("bratseval", "evaluation/bratseval: the task"), ("bratseg", "src/bratseg: one answer")):
        middle = LEFT[package] + BOX_WIDTH / 2
        parts.append(_text(middle, 40, folder, 19, "#1f2a44", "bold", "middle"))
        parts += [_arrow(package, *arrow) for arrow in arrows(package)]
        parts += [_box(package, room) for room in ROOMS[package]]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _top(package: str, room: str) -> int:
    return TOP + STEP * list(ROOMS[package]).index(room)


def _box(package: str, room: str) -> str:
    x, y = LEFT[package], _top(package, room)
    colour = "#e7edfb" if package == "bratseval" else "#fdf0e2"
    box = f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="{colour}" stroke="#9aa7c4"/>'
    lines = [_text(x + 12, y + 19, room, 15, "#1f2a44", "bold"), _text(x + 12, y + 37, ROOMS[package][room], 12.5)]
    if package == "bratseg":
        used = sorted(name.split(".")[1] for name in imports_of(package, room) if name.startswith("bratseval."))
        lines.append(_text(x + 12, y + 60, f"bratseval: {', '.join(used) or 'nothing'}", 10.5, "#7a849b"))
    return "\n".join([box, *lines])


def _arrow(package: str, room: str, other: str) -> str:
    """A curve beside the boxes, from a room up to one that it imports; the further, the wider."""
    outside = package == "bratseval"  # left of the first column, right of the second
    x = LEFT[package] + (0 if outside else BOX_WIDTH)
    names = list(ROOMS[package])
    start, end = _top(package, room) + BOX_HEIGHT * 0.35, _top(package, other) + BOX_HEIGHT * 0.65
    bend = x + (-1 if outside else 1) * (14 + 21 * (names.index(room) - names.index(other)))
    curve = f"M{x} {start:.1f}C{bend} {start:.1f} {bend} {end:.1f} {x} {end:.1f}"
    return f'<path d="{curve}" fill="none" stroke="#6b7a99" stroke-width="1.3" marker-end="url(#tip)"/>'


def _text(
    x: float, y: float, text: str, size: float, colour: str = "#3d4861", weight: str = "normal", anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
