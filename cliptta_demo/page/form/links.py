"""Every experiment is a link: settings and seed as the query of the page's address, and back.

Only what differs from the package's experiment is written, and the stream's length, so that links stay short and
readable: ``?corruption=fog&severity=4&batch_size=24&batches=8&seed=7``. They mean the same on a server that opens with
another experiment (:mod:`.opening`): there, the backbone or data set that it opens with is always written. What is read
is checked like the form itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from cliptta_demo.backend.data.catalog import DATASETS, open_source
from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import check_visitor_backbone
from cliptta_demo.languages import say
from cliptta_demo.page.form.choices import class_text_and_corruption, is_hub_choice
from cliptta_demo.page.form.fields import FormValues, declared, linked_names, of_methods
from cliptta_demo.page.form.opening import opening, packaged, starting_values
from cliptta_demo.page.form.reading import check_form
from cliptta_demo.page.form.said import recipe_values
from cliptta_demo.page.session.past import MOST_PINNED
from cliptta_demo.page.session.state import Recipe
from cliptta_demo.page.words.defaults import DEFAULTS
from cliptta_demo.page.words.texts import LINK_UNKNOWN

MAX_LENGTH = 8000  # characters of one value; 200 class names of 40
NAMED = 5  # unknown words of an address; beyond them a number stands
UNSAID = {"batch_size": 64, "batches": 10}  # what links mean from before they said it: the opening experiment then
PINS = tuple(f"pin{number}" for number in range(1, MOST_PINNED + 1))  # see .linked_runs
LESSON_WORDS = ("lesson", "start")  # see .lessons
# Words of addresses that are not the form's: how the page looks (assets/embed.js), and other people's.
OTHERS = ("hide", "type", "view", "logs", "embed", "fbclid", "gclid", "ref", "deep_link", "token")
FLAGS = {"0": False, "1": True}  # how a switch is written


def to_query(values: FormValues) -> str:
    """The query (without ``?``) that stands for these values.

    What the backbone brings by itself is left out, and so are own settings of methods that are not chosen.
    """
    start = starting_values(tuned_adaptation(values.backbone))
    changed = {}
    own = {name for name in ("backbone", "dataset") if getattr(opening(), name) != getattr(packaged(), name)}
    own |= UNSAID.keys()
    for name in of_methods(linked_names(), values.methods or ()):
        value, usual = values[name], start[name]
        if name == "methods":
            value, usual = tuple(value or ()), tuple(usual)
        if (value != usual or name in own) and value is not None:
            changed[name] = _write(value)
    return urlencode(changed, errors="replace")


def recipe_query(recipe: Recipe) -> str:
    """The query of the link to a run, whatever the form says by now."""
    return to_query(recipe_values(recipe))


def from_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Field → value out of an address; unknown names are left to others (Gradio and Spaces have some of their own).

    Raises:
        UserError: a value that is no value of its field, in a sentence.
    """
    return {name: _read(name, query[name]) for name in linked_names() if name in query}


def unknown_words(query: Mapping[str, str]) -> str:
    """A sentence that names what an address says and no page would know; empty where there is nothing.

    What Gradio, Spaces and those who count visitors add to addresses is theirs.
    """
    known = (*linked_names(), *PINS, *LESSON_WORDS)
    strange = [name for name in query if name not in known and name not in OTHERS and not name.startswith(("_", "utm"))]
    named = []
    for name in strange[:NAMED]:
        near = difflib.get_close_matches(name, known, 1)
        named.append(say("{name} (is it {near}?)", name=quoted(name), near=near[0]) if near else quoted(name))
    names = ", ".join(named)
    if (more := len(strange) - NAMED) > 0:
        names = say("{names} and {count} more", names=names, count=more)
    return LINK_UNKNOWN.format(names=names) if strange else ""


def open_link(query: Mapping[str, str]) -> FormValues:
    """The whole form that a link asks for, checked.

    Args:
        query: of the page's address.

    Raises:
        UserError: what is wrong with the link and what is allowed.
    """
    given = UNSAID | from_query(query)
    backbone = given.get("backbone", DEFAULTS.backbone)
    check_visitor_backbone(backbone)
    if is_hub_choice(given.get("dataset")):  # not the twelve pictures' names
        given.setdefault("class_names", class_text_and_corruption(given["dataset"])[0])
    values = starting_values(tuned_adaptation(backbone), backbone).changed(given)
    recipe = check_form(values)
    if recipe.dataset in DATASETS:  # nothing is fetched for opening a link
        open_source(recipe.dataset, recipe.source_names)  # names the classes that the pictures don't have
    return values


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        short = f"{value:.10g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def _read(name: str, text: str) -> Any:
    if len(text) > MAX_LENGTH:
        about = {"name": name, "length": len(text), "most": MAX_LENGTH}
        raise UserError(say("{name} is {length:,} characters long; at most {most:,} are read.", **about))
    if name == "methods":
        return [part.strip() for part in text.split(",") if part.strip()]
    setting = declared(name)
    try:
        return setting.parse(text, FLAGS) if setting is not None else text
    except ValueError as error:
        about = {"name": name, "value": quoted(text), "allowed": error}
        raise UserError(say("{name} is {value}; it must be {allowed}.", **about)) from None
