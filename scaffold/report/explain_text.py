"""An explanation on a terminal, as Markdown, as a page and as JSON."""

from __future__ import annotations

import io

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from scaffold.report.clean import cleaned, encodable
from scaffold.report.corpus_terminal import one_line
from scaffold.report.explain_view import Explanation
from scaffold.report.terminal import make_console
from scaffold.trace.json_schema import as_json

EXPLAIN_SCHEMA_VERSION = 1

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ it.kernel }}: explained</title>
<style>
:root { color-scheme: light dark; --line: #8884; --dim: #777; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
ol { list-style: none; padding: 0; counter-reset: link; }
li.link { border-left: 3px solid var(--line); padding: .2rem 0 1rem 1rem; }
h2 { font-size: .85rem; text-transform: uppercase; letter-spacing: .06em; color: var(--dim); margin: 0; }
p { margin: .2rem 0; overflow-wrap: anywhere; } .missing { color: var(--dim); font-style: italic; }
pre { margin: .3rem 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
</style></head><body>
<h1>{{ it.headline }}</h1>
<p>baseline: {{ it.sides[0] }}<br>candidate: {{ it.sides[1] }}</p>
<ol>{% for link in it.links %}<li class="link"><h2>{{ link.title }}</h2>
{% if link.missing %}<p class="missing">not measured: {{ link.missing }}</p>{% else %}<p><strong>{{ link.headline }}</strong></p>{% endif %}
{% if link.lines %}<pre>{{ link.lines | join("\n") }}</pre>{% endif %}
{% if link.reports %}<p>{% for report in link.reports %}<a href="{{ beside | urlencode }}{{ report | urlencode }}">{{ report }}</a> {% endfor %}</p>{% endif %}</li>
{% endfor %}</ol>
<p><code>{{ it.command }}</code></p><p>next: <code>{{ it.next_command }}</code></p>
</body></html>
"""  # noqa: E501 - a page reads best as it is written


def render_explanation_text(explanation: Explanation, *, width: int = 120) -> str:
    """The chain as plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_explanation(explanation, make_console(stream, color="never", width=width))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_explanation(explanation: Explanation, console: Console) -> None:
    """Write the answer, and every link of the chain below it, to ``console``."""
    it = cleaned(explanation)
    console.print(Text(one_line(it.headline), style="bold"), soft_wrap=True)
    console.print(Text(f"  baseline:  {one_line(it.sides[0])}", style="dim"), soft_wrap=True)
    console.print(Text(f"  candidate: {one_line(it.sides[1])}", style="dim"), soft_wrap=True)
    for link in it.links:
        console.print()
        answer = f"not measured: {link.missing}" if link.missing else link.headline
        console.print(Text(f"{link.title}: {one_line(answer)}", style="dim" if link.missing else "bold"))
        for line in link.lines:
            console.print(Padding(Text(line), (0, 0, 0, 4)))
    named = ", ".join(report for link in it.links for report in link.reports)
    console.print()
    console.print(Text(f"reports in {one_line(it.folder)}: {named}", style="dim"), soft_wrap=True)
    console.print(Text(f"next: {one_line(it.next_command)}", style="bold"), soft_wrap=True)


def render_explanation_markdown(explanation: Explanation) -> str:
    """The chain for a pull request."""
    it = cleaned(explanation)
    lines = [f"### {_plain(it.headline)}", "", f"- baseline: {_plain(it.sides[0])}"]
    lines += [f"- candidate: {_plain(it.sides[1])}", ""]
    for number, link in enumerate(it.links, start=1):
        answer = f"*not measured: {_plain(link.missing)}*" if link.missing else f"**{_plain(link.headline)}**"
        lines.append(f"{number}. {_plain(link.title)}: {answer}")
        lines += [f"   - {_plain(line)}" for line in link.lines]
    lines += ["", f"`{it.command.replace('`', '')}`", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    kept = one_line(text).replace("\\", "\\\\").replace("<", "&lt;")
    return "".join(f"\\{sign}" if sign in "`*_[]|" else sign for sign in kept)


def render_explanation_html(explanation: Explanation, *, reports_in: str = "") -> str:
    """One self-contained page, with links to the reports.

    ``reports_in`` is the way from the page to the folder of the reports; empty where they lie beside it.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    beside = f"{reports_in}/" if reports_in else ""
    return environment.from_string(_PAGE).render(it=cleaned(explanation), beside=beside)


def render_explanation_json(explanation: Explanation) -> bytes:
    """The view model, indented, keys sorted."""
    document = {"schema_version": EXPLAIN_SCHEMA_VERSION, **msgspec.to_builtins(encodable(explanation))}
    return as_json(document)
