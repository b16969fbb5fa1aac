"""What of the form differs: from the run shown, from the values that it opens with; and a run's settings in a line."""

import html
from collections.abc import Iterable

from cliptta_demo.backend.data.presets import PRESETS
from cliptta_demo.backend.declare import settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.loading import TINY, tuned_adaptation
from cliptta_demo.backend.models.offered import label_of
from cliptta_demo.backend.settings import StreamSettings, corruption_name
from cliptta_demo.languages import say, say_count
from cliptta_demo.page.form.choices import dataset_choices, stranger_choices
from cliptta_demo.page.form.fields import FORM, FormValues, field_names, in_group, linked_names, of_methods
from cliptta_demo.page.form.links import recipe_query
from cliptta_demo.page.form.opening import opening, starting_values
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.session.state import Recipe, Session, changed_names


def recipe_line(recipe: Recipe) -> str:
    """A run's settings in short: data set, shift, strangers, model, methods, batches."""
    stream = recipe.settings.stream
    return " · ".join((_images(recipe), _shift(stream), *_rest(recipe)))


def run_line_html(session: Session | None = None, form: FormValues | None = None) -> str:
    """The settings of the run shown, with its link and the changes on its way; ``form``: of one that has no session.

    Empty where no run is shown.
    """
    if session is not None:
        recipe, shifts = session.recipe, session.shifts
        first = _shift(recipe.settings.stream)
        if session.marks and shifts:
            name, severity = shifts[0]
            first = corruption_name(name) if name == "none" else f"{corruption_name(name)} {severity}"
        batches = session.snapshot.batches if session.snapshot else 0  # fewer than asked for where the images end
        text = " · ".join((_images(recipe), first, *_rest(recipe, batches), *session.changes))
    else:
        text = recipe_line(read_form(form)) if form is not None else ""
    words, link = html.escape(text), html.escape(recipe_query(session.recipe)) if session is not None else ""
    return f'<p class="run-line" data-testid="run-line" data-link="{link}" title="{words}">{words}</p>' if text else ""


def changed_html(shown: FormValues | None, form: FormValues, press: str) -> str:
    """That the form says something else than the run shown, and what to ``press``; empty where both say the same.

    Args:
        shown: the form of the run shown, None where there is none.
    """
    differs = shown is not None and differ(shown, form)
    words = say("Settings changed: {press} to apply", press=press)
    return f'<p class="changed" role="status">{words}</p>' if differs else ""


def differ(shown: FormValues, form: FormValues) -> bool:
    """Whether two forms ask for different runs; one with an error in it asks for no other's."""
    if shown == form:
        return False
    try:
        return bool(changed_names(read_form(shown), read_form(form)))
    except UserError:
        return True


def fold_label(title: str, names: Iterable[str], form: FormValues) -> str:
    """A fold's title, with how many of its settings are not the backbone's usual ones."""
    usual = starting_values(tuned_adaptation(form.backbone), form.backbone)
    count = sum(form[name] != usual[name] for name in of_methods(names, form.methods or ()))
    return say("{title} · {count} changed", title=title, count=count) if count else title


def is_opening(form: FormValues) -> bool:
    """Whether the form is as the page opens, the visitor's images apart."""
    start, methods = opening(), tuple(form.methods or ())
    names = (name for name in of_methods(linked_names(), methods) if name != "methods")
    return methods == tuple(start.methods) and all(form[name] == start[name] for name in names)


def advanced_names() -> tuple[str, ...]:
    """The fields in the fold of advanced settings, methods' own among them."""
    own = [name for name in field_names() if name not in FORM]
    return (*in_group("advanced"), "templates", *own)


def _images(recipe: Recipe) -> str:
    known = {name: label for label, name in dataset_choices()}
    known |= {name: preset.label for name, preset in PRESETS.items()}
    return known.get(recipe.dataset, recipe.dataset.removeprefix("hf:"))


def _shift(stream: StreamSettings) -> str:
    known = settings_of(StreamSettings)
    if stream.schedule != "one":
        return known["schedule"].options[stream.schedule]
    return known["severity"].mark_of(stream)


def _rest(recipe: Recipe, batches: int = 0) -> list[str]:
    stream, methods = recipe.settings.stream, recipe.settings.methods
    batches = batches or stream.batches
    strangers = {name: label for label, name in stranger_choices()}.get(recipe.ood_source, recipe.ood_source)
    words = [say("{share:.0%} {strangers}", share=stream.ood_share, strangers=strangers)] * bool(stream.ood_share)
    words += [label_of(recipe.backbone)] * (recipe.backbone != TINY)
    words += [", ".join(METHODS[name].label for name in methods)]
    return [*words, say_count("{count} batch of {size}", "{count} batches of {size}", batches, size=stream.batch_size)]
