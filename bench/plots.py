"""Plots as SVG, of lines and of bars: small enough to read, for the report of bench/compare.

Not a program. A plot stands by itself as a file and within a page, and follows the viewer's choice of light or dark.
Colours are of a lightness that can be told from both backgrounds, and lines are told apart by their dashes, too.
"""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 160, 40, 50
BAR_HEIGHT, BAR_LEFT = 20, 220

# Without variables, which not everything that shows SVG knows.
STYLE = """
.plot { font: 12px sans-serif; } .plot .title { font-size: 14px; font-weight: 600; }
.plot text { fill: #1f2328; } .plot .paper { fill: #ffffff; } .plot .grid { stroke: #d0d7de; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
.plot text { fill: #e6edf3; } .plot .paper { fill: #0d1117; } .plot .grid { stroke: #3d444d; } }
"""

COLOURS = ["#2f81f7", "#8a8f98", "#b8860b", "#2da44e", "#0f9b9b", "#e5534b", "#8a63d2", "#d6539a", "#b0693a", "#6b8e23"]
DASHES = ["", "6 3", "2 3", "8 3 2 3", "4 2", "10 4", "1 2", "12 3", "3 1", "6 2 2 2"]


def ticks(largest):
    """Round numbers from 0 to the first that is not below the largest."""
    if largest <= 0:
        return [0, 1]
    rough = largest / 5
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [step * i for i in range(math.ceil(largest / step - 1e-9) + 1)]


def steps(smallest, largest):
    """Ones, twos and fives of the powers of ten: those around a range, at least two."""
    marks = [factor * 10.0**i for i in range(math.floor(math.log10(smallest)), math.floor(math.log10(largest)) + 2)
             for factor in (1, 2, 5)]
    first = max(i for i, mark in enumerate(marks) if mark <= smallest * (1 + 1e-9))
    last = min(i for i, mark in enumerate(marks) if mark >= largest * (1 - 1e-9))
    return marks[first:max(last, first + 1) + 1]


def label(value):
    """A number as an axis shows it."""
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def text(x, y, content, anchor="start", css=None, turn=None):
    css = f' class="{css}"' if css else ""
    turn = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}{turn}>{escape(content)}</text>'


def grid_line(x1, y1, x2, y2):
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def frame(title, height, parts):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}">', f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        text(WIDTH / 2, 22, title, "middle", "title"), *parts, "</svg>"])


def colour_of(name, names):
    """The same for the same place in a list of names, whichever of them a plot shows."""
    return names.index(name) % len(COLOURS) if name in names else 0


def spaced(heights, least):
    """Moves the heights of labels apart, so that none covers another. Returns them in the order given."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved, last = list(heights), -math.inf
    for i in order:
        moved[i] = last = max(heights[i], last + least)
    over = max(0, last - (HEIGHT - BOTTOM)) if heights else 0
    return [height - over for height in moved]


def lines(title, x_title, y_title, places, series, names=None, is_log=False):
    """
    A line for each of series, {name: [a number or None for each of places]}, over places, which are texts and have the
    same distance each. None where there is nothing to show.
    """
    shown = {name: values for name, values in series.items() if any(value is not None for value in values)}
    numbers = [value for values in shown.values() for value in values if value is not None]
    is_log = is_log and all(value > 0 for value in numbers)
    if not numbers:
        return None
    marks = steps(min(numbers), max(numbers)) if is_log else ticks(max(numbers))
    scale = math.log10 if is_log else float
    low, high = scale(marks[0]), scale(marks[-1])
    step = (WIDTH - LEFT - RIGHT) / max(len(places) - 1, 1)

    def x_of(i):
        return LEFT + i * step

    def y_of(value):
        return HEIGHT - BOTTOM - (scale(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [text(15, (TOP + HEIGHT - BOTTOM) / 2, y_title, "middle", turn=-90),
             text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_title, "middle")]
    for mark in marks:
        parts += [grid_line(LEFT, y_of(mark), WIDTH - RIGHT, y_of(mark)),
                  text(LEFT - 6, y_of(mark) + 4, label(mark), "end")]
    parts += [text(x_of(i), HEIGHT - BOTTOM + 18, place, "middle") for i, place in enumerate(places)]
    ends = {name: next(y_of(value) for value in reversed(values) if value is not None)
            for name, values in shown.items()}
    for (name, values), height in zip(shown.items(), spaced(list(ends.values()), 14)):
        which = colour_of(name, names or list(series))
        points = [(x_of(i), y_of(value)) for i, value in enumerate(values) if value is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = f' stroke-dasharray="{DASHES[which]}"' if DASHES[which] else ""
        parts += [f'<polyline fill="none" stroke="{COLOURS[which]}" stroke-width="{3 if which == 0 else 1.8}"{dash} '
                  f'points="{path}"/>']
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[which]}"/>' for x, y in points]
        parts += [f'<line x1="{WIDTH - RIGHT + 6}" y1="{height:.1f}" x2="{WIDTH - RIGHT + 30}" y2="{height:.1f}" '
                  f'stroke="{COLOURS[which]}" stroke-width="2"{dash}/>',
                  text(WIDTH - RIGHT + 35, height + 4, name)]
    return frame(title, HEIGHT, parts)


def bars(title, x_title, values, names=None):
    """A bar for each of values, {name: number or None}, from the top down. None where there is nothing to show."""
    values = {name: value for name, value in values.items() if value is not None}
    if not values:
        return None
    marks = ticks(max(values.values()))
    height = TOP + len(values) * BAR_HEIGHT + BOTTOM
    bottom = height - BOTTOM

    def x_of(value):
        return BAR_LEFT + value / marks[-1] * (WIDTH - BAR_LEFT - 90)

    parts = [text((BAR_LEFT + WIDTH - 90) / 2, height - 10, x_title, "middle")]
    for mark in marks:
        parts += [grid_line(x_of(mark), TOP, x_of(mark), bottom), text(x_of(mark), bottom + 18, label(mark), "middle")]
    for i, (name, value) in enumerate(values.items()):
        top = TOP + i * BAR_HEIGHT
        which = colour_of(name.split(",", maxsplit=1)[0], names or list(values))
        parts += [f'<rect x="{BAR_LEFT}" y="{top + 3}" width="{x_of(value) - BAR_LEFT:.1f}" '
                  f'height="{BAR_HEIGHT - 6}" fill="{COLOURS[which]}"/>', text(BAR_LEFT - 6, top + 14, name, "end"),
                  text(x_of(value) + 5, top + 14, label(float(f"{value:.3g}")))]
    return frame(title, height, parts)
