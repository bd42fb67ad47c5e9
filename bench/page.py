"""A page of headings, paragraphs, tables and plots, which can be written as Markdown and as HTML.

Not a program. The HTML refers to nothing outside itself; the Markdown refers to the plots as files beside it.
"""

import re
import textwrap
from html import escape

CSS = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --faint: #d0d7de; --back: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --faint: #3d444d; --back: #161b22; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 78em;
       margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--faint); padding: .25em .6em; text-align: right; white-space: nowrap;
         font-variant-numeric: tabular-nums; }
th { background: var(--back); } th:first-child, td:first-child { text-align: left; }
td.ahead { color: #2da44e; } td.behind { color: #e5534b; font-weight: 600; }
pre { background: var(--back); padding: 1em; overflow-x: auto; } code { background: var(--back); padding: 0 .2em; }
svg { max-width: 100%; height: auto; }
"""


def code_to_html(text):
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))


def in_lines(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


class Page:
    """Blocks in their order: each is added by the method of its name."""

    def __init__(self, title):
        self.title = title
        self.blocks = []
        self.plots = {}  # SVG by the name of its file

    def heading(self, text):
        self.blocks.append(("heading", text))

    def paragraph(self, text):
        self.blocks.append(("paragraph", text))

    def listing(self, text):
        self.blocks.append(("listing", text))

    def table(self, rows):
        """Rows of texts, the first of which is the header. One without other rows is left out."""
        if len(rows) > 1:
            self.blocks.append(("table", rows))

    def plot(self, name, svg):
        """None stands for a plot that there is nothing for."""
        if svg:
            self.plots[f"{name}.svg"] = svg
            self.blocks.append(("plot", f"{name}.svg"))

    def markdown(self):
        parts = [f"# {self.title}"]
        for kind, content in self.blocks:
            if kind == "table":
                rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in content]
                parts.append("\n".join([rows[0], "|---" + "|---:" * (len(content[0]) - 1) + "|", *rows[1:]]))
            else:
                parts.append({"heading": f"## {content}", "paragraph": in_lines(content),
                              "plot": f"![{content}]({content})", "listing": f"```\n{content.rstrip()}\n```"}[kind])
        return "\n\n".join(parts) + "\n"

    def html(self):
        parts = []
        for kind, content in self.blocks:
            if kind == "table":
                parts.append(table_to_html(content))
            elif kind == "plot":
                parts.append(f"<figure>{self.plots[content]}</figure>")
            else:
                name = {"heading": "h2", "paragraph": "p", "listing": "pre"}[kind]
                parts.append(f"<{name}>{escape(content) if kind == 'listing' else code_to_html(content)}</{name}>")
        return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>\n<title>{escape(self.title)}</title>\n'
                f'<meta name="viewport" content="width=device-width"/>\n<style>{CSS}</style></head>\n'
                f"<body><h1>{escape(self.title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n")


def table_to_html(rows):
    def cells(row, name):
        return "".join(f"<{name}{mark(cell)}>{escape(cell)}</{name}>" for cell in row)

    def mark(cell):
        return f' class="{cell}"' if cell in ("ahead", "behind") else ""

    body = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows[1:])
    return f"<table><thead><tr>{cells(rows[0], 'th')}</tr></thead>\n<tbody>{body}</tbody></table>"
