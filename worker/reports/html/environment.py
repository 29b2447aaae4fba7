"""The Jinja2 environment of every HTML page: the report, and pages that share its look.

Another package adds templates of its own to these, and may extend `base.html`, with
`environment().overlay(loader=ChoiceLoader([PackageLoader(...), environment().loader]))`.
"""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from worker.reports.html import markup


@cache
def environment() -> Environment:
    """The environment. Each template is compiled once per process, at its first use."""
    made = Environment(
        loader=PackageLoader("worker.reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=markup.printed,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters = (markup.text, markup.name, markup.words, markup.number, markup.px, markup.seconds)
    made.filters |= {each.__name__: each for each in filters}
    made.globals |= {"share": markup.share, "css": _css()}
    return made


def _css() -> Markup:
    # A file of this package: nothing in it comes from elsewhere.
    return Markup(files(__package__).joinpath("page.css").read_text())  # noqa: S704
