"""What the form asks for, in one line: above *Why*, *Explore* and lessons, where the knobs are folded away. Pure."""

from typing import Any, TypedDict

from cliptta_demo.languages import say_count
from cliptta_demo.page.form.fields import FORM
from cliptta_demo.page.panels.declare import Method, entries, to_json
from cliptta_demo.page.panels.panel import mounted, scripted
from cliptta_demo.page.session.state import Recipe


class FormLine(TypedDict):
    """``shift``: what happens to the images; ``said``: further settings, each in words."""

    shift: str
    said: list[str]
    methods: list[Method]


def shift_words(recipe: Recipe) -> str:
    """What happens to the images of a run, in few words."""
    stream = recipe.settings.stream
    if stream.schedule != "one":
        return FORM["schedule"].setting.options[stream.schedule]
    return FORM["severity"].setting.mark_of(stream)


def form_line(recipe: Recipe | None) -> str:
    """The line's value, JSON text; empty where the form makes no sense yet."""
    if recipe is None:
        return ""
    stream, adaptation = recipe.settings.stream, recipe.settings.adaptation
    batches = say_count("{count} batch of {size}", "{count} batches of {size}", stream.batches, size=stream.batch_size)
    said = [FORM["learning_rate"].phrase(adaptation.learning_rate), batches]
    methods = entries(recipe.settings.methods)
    line: FormLine = {"shift": shift_words(recipe), "said": said, "methods": methods}
    return to_json(line)


def build_form_line(recipe: Recipe | None) -> dict[str, Any]:
    """The line, and the way through the batches at its end."""
    place = '<div class="body"></div>'
    line = scripted("form-line", place, mounted("formLine"), form_line(recipe))
    scripted("pager", place, mounted("pager"))
    return {"form_line": line}
