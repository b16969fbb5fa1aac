"""What the form asks for, in one line: above *Why*, *Explore* and lessons, where the knobs are folded away."""

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


def batches_words(recipe: Recipe, count: int) -> str:
    """So many batches, and their size."""
    size = recipe.settings.stream.batch_size
    return say_count("{count} batch of {size}", "{count} batches of {size}", count, size=size)


def form_line(recipe: Recipe | None) -> str:
    """The line's value, JSON text; empty where the form makes no sense yet."""
    if recipe is None:
        return ""
    rate, methods = recipe.settings.adaptation.learning_rate, entries(recipe.settings.methods)
    said = [FORM["learning_rate"].phrase(rate), batches_words(recipe, recipe.settings.stream.batches)]
    line: FormLine = {"shift": shift_words(recipe), "said": said, "methods": methods}
    return to_json(line)


def build_form_line(recipe: Recipe | None) -> dict[str, Any]:
    """The line, and the way through the batches at its end."""
    place = '<div class="body"></div>'
    line = scripted("form-line", place, mounted("formLine"), form_line(recipe))
    scripted("pager", place, mounted("pager"))
    return {"form_line": line}
