"""The verdict and one pass's changes as a picture, to paste into a pull request.

Drawn with Pillow in DejaVu Sans Mono, which Matplotlib ships: the same picture on every machine, without a browser.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from scaffold.diff.place import indentation
from scaffold.diff.text import Hunk, Line
from scaffold.report.clean import cleaned
from scaffold.report.derived import fold_derived, folded_note
from scaffold.report.focus import focused_pass, focused_window
from scaffold.report.terminal import select_passes
from scaffold.report.view import SYMBOLS, PassView, Report

#: Two device pixels for each nominal one, so that text stays sharp where the picture is scaled down.
_FONT_PIXELS = 26
_MARGIN = 40
_COLUMNS = 118
#: Rows of changes drawn; a picture is for a glance, the HTML report for the rest.
_MOST_ROWS = 36
_INDENT = 4

Color = tuple[int, int, int]
_INK: Color = (31, 35, 40)
_FAINT: Color = (101, 109, 118)
_PAPER: Color = (255, 255, 255)
_RULE: Color = (208, 215, 222)
_FILL: dict[str, Color] = {"-": (255, 235, 233), "+": (218, 251, 225), " ": _PAPER}
_MARK: dict[str, Color] = {"-": (255, 193, 186), "+": (151, 231, 173), " ": _PAPER}
_OUTCOME: dict[str, Color] = {
    "view": (9, 105, 218),
    "identical": (26, 127, 55),
    "equivalent": (26, 127, 55),
    "differs": (154, 103, 0),
    "unstable": (154, 103, 0),
    "failed": (207, 34, 46),
}


@dataclass(frozen=True)
class _Row:
    """One line of the picture: text, ink, the colour behind it, and marked ranges of columns."""

    text: str
    ink: Color = _INK
    fill: Color = _PAPER
    marks: tuple[tuple[int, int], ...] = ()
    mark: Color = _PAPER
    weight: Literal["regular", "bold"] = "regular"


def render_png(report: Report, passes: Sequence[str] = ()) -> bytes:
    """The picture; ``passes`` chooses whose changes it shows (the first that introduces, unasked)."""
    report = cleaned(report)
    chosen = select_passes(report, passes)
    row = chosen[0] if chosen else focused_pass(report)
    hunks = fold_derived(row.hunks)[0] if chosen and row else focused_window(report, _MOST_ROWS)
    rows = [*_head(report), *(_pass_rows(row, hunks) if row is not None else [])]
    line_height = round(_FONT_PIXELS * 1.45)
    width = round(_cell_width() * _COLUMNS) + 2 * _MARGIN
    image = Image.new("RGB", (width, line_height * len(rows) + 2 * _MARGIN), _PAPER)
    draw = ImageDraw.Draw(image)
    for index, item in enumerate(rows):
        _draw_row(draw, item, top=_MARGIN + index * line_height, height=line_height, width=width)
    draw.rectangle((0, 0, image.width - 1, image.height - 1), outline=_RULE, width=2)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _head(report: Report) -> Iterator[_Row]:
    ink = _OUTCOME[report.verdict.outcome]
    for text in _wrapped(report.verdict.headline, _COLUMNS):
        yield _Row(text, ink=ink, weight="bold")
    for detail in report.verdict.details:
        yield from (_Row(text) for text in _wrapped(detail, _COLUMNS))
    yield _Row("")
    for side in report.sides:
        settings = " ".join(f"{key}={value}" for key, value in {**side.parameters, **side.pass_configs}.items())
        label = f"{side.label}: " if side.label else ""
        facts = f"{label}{side.kernel} for {side.target}, TileLang {side.tilelang_version} ({side.build}), {settings}"
        yield from (_Row(text, ink=_FAINT) for text in _wrapped(facts, _COLUMNS))


def _pass_rows(row: PassView, hunks: Sequence[Hunk]) -> Iterator[_Row]:
    yield _Row("")
    yield _Row(f"{SYMBOLS[row.status]} {row.index} {row.name}: {row.status}", weight="bold")
    rows: list[_Row] = []
    drawn = 0
    for hunk in hunks:
        if len(rows) >= _MOST_ROWS:
            break
        rows.append(_Row(f"@@ {hunk.place or 'module'} @@", ink=_FAINT))
        spare = min((indentation(line.text) for line in hunk.lines if line.text.strip()), default=0)
        for line in hunk.lines:
            if len(rows) < _MOST_ROWS:
                rows += _line_rows(_dedented(line, spare))
                drawn += 1
    yield from rows
    all_hunks, folded = fold_derived(row.hunks)
    left = sum(len(hunk.lines) for hunk in all_hunks) - drawn
    if left:
        yield _Row(f"… {left} more lines in this pass", ink=_FAINT)
    elif folded:
        yield _Row(f"… {folded_note(folded)}", ink=_FAINT)


def _dedented(line: Line, spare: int) -> Line:
    marks = tuple((max(0, start - spare), max(0, end - spare)) for start, end in line.marks)
    return replace(line, text=line.text[spare:], marks=marks)


def _line_rows(line: Line) -> Iterator[_Row]:
    """A line of a difference, wrapped, its marks cut to each piece."""
    room = _COLUMNS - 2
    start = 0
    while start == 0 or start < len(line.text):
        indent = 0 if start == 0 else _INDENT
        end = start + room - indent
        marks = tuple(
            (max(one, start) - start + 2 + indent, min(other, end) - start + 2 + indent)
            for one, other in line.marks
            if one < end and other > start
        )
        sign = line.kind if start == 0 else " "
        yield _Row(
            f"{sign} {' ' * indent}{line.text[start:end]}",
            ink=_FAINT if line.carried or line.kind == " " else _INK,
            fill=_PAPER if line.carried else _FILL[line.kind],
            marks=marks,
            mark=_MARK[line.kind],
        )
        start = end


def _draw_row(draw: ImageDraw.ImageDraw, row: _Row, *, top: int, height: int, width: int) -> None:
    cell = _cell_width()
    if row.fill != _PAPER:
        draw.rectangle((_MARGIN // 2, top, width - _MARGIN // 2, top + height - 1), fill=row.fill)
    for start, end in row.marks:
        left = _MARGIN + start * cell
        draw.rectangle((left, top + 2, _MARGIN + end * cell, top + height - 3), fill=row.mark)
        # Underlined too: the picture must tell its marks to who sees no red from green.
        draw.line((left, top + height - 4, _MARGIN + end * cell, top + height - 4), fill=row.ink, width=2)
    draw.text((_MARGIN, top + height * 0.14), row.text, font=_font(row.weight), fill=row.ink)


def _wrapped(text: str, columns: int) -> Iterator[str]:
    """Pieces of at most ``columns``, cut at spaces where there are any."""
    indent = ""
    while len(text) > columns - len(indent):
        cut = text.rfind(" ", columns // 2, columns - len(indent))
        cut = cut if cut > 0 else columns - len(indent)
        yield indent + text[:cut]
        text, indent = text[cut:].lstrip(), " " * _INDENT
    yield indent + text


def _cell_width() -> float:
    return float(_font("regular").getlength("0"))


@cache
def _font(weight: Literal["regular", "bold"]) -> ImageFont.FreeTypeFont:
    import matplotlib as mpl

    name = "DejaVuSansMono.ttf" if weight == "regular" else "DejaVuSansMono-Bold.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name), _FONT_PIXELS)
