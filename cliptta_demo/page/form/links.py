"""Every experiment is a link: settings and seed as the query of the page's address, and back.

What differs from the package's experiment is written, and the stream's length, and on a server that opens with another
backbone or data set that too: ``?corruption=fog&severity=4&batch_size=24&batches=8&seed=7``. Pinned runs are queries of
their own in it, with accuracy and entropy at the end as numbers:
``?pin1=name%3DFog%26done%3D10%26numbers%3Dzero-shot%3A0.36%3A1.88%26corruption%3Dfog``.
"""

import difflib
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from cliptta_demo.backend.data.catalog import DATASETS, open_source
from cliptta_demo.backend.data.presets import HUB_PREFIX
from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.languages import Text, say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.fields import class_text_and_corruption, fields, is_hub_choice, is_typed
from cliptta_demo.page.form.reading import opening, read_form, unusual_values, usual_values, values_of
from cliptta_demo.page.session.past import MOST_PINNED, PastMethod, PastRun, PastRuns
from cliptta_demo.page.session.state import Recipe

NAMED = 5  # unknown words of an address; beyond them a number stands
UNSAID = {"batch_size": 64, "batches": 10}  # what links mean from before they said it: the opening experiment then
PINS = tuple(f"pin{number}" for number in range(1, MOST_PINNED + 1))
LONGEST_PIN = 1500  # characters of one; four of them and an experiment pass through any server on the way
OF_PIN = ("name", "done", "numbers")  # what it says beside settings
# Words of addresses that are not the form's: lessons (see .lessons), how the page looks (assets/embed.js), the name
# on the hub of links from before the data set said it, and other people's.
OTHERS = (
    *("lesson", "start", "hub_dataset", "hide", "show", "type", "view", "lang", "logs", "embed"),
    *("fbclid", "gclid", "ref", "deep_link", "token"),
)


def to_query(recipe: Recipe) -> str:
    """The query (without ``?``) of the link to a run; what the backbone brings by itself is left out."""
    usual, values = usual_values(), values_of(recipe)
    always = [name for name in ("backbone", "dataset") if opening()[name] != usual[name]]
    names = {*unusual_values(recipe), *always, *UNSAID}
    return urlencode({n: item.write(values[n]) for n, item in fields().items() if n in names}, errors="replace")


def open_link(query: Mapping[str, str]) -> Recipe:
    """The run that the query of the page's address asks for; raises :class:`UserError` where that is wrong."""
    given = UNSAID | from_query(query)
    if is_hub_choice(given.get("dataset")):  # not the twelve pictures' names
        given.setdefault("class_names", class_text_and_corruption(given["dataset"])[0])
    recipe = read_form(given)
    if recipe.dataset in DATASETS:  # nothing is fetched for opening a link
        open_source(recipe.dataset, recipe.source_names)  # names the classes that the pictures don't have
    return recipe


def from_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Field → value out of an address; unknown names are left to others (Gradio and Spaces have some of their own)."""
    given = {name: item.parse(query[name]) for name, item in fields().items() if name in query}
    if given.get("dataset") == "hub" and "hub_dataset" in query:
        name = query["hub_dataset"].strip()
        given["dataset"] = name if is_typed(name) else f"{HUB_PREFIX}{name}"
    return given


def unknown_words(query: Mapping[str, str]) -> str:
    """A sentence that names what an address says and nobody would know; empty where there is nothing."""
    known = (*fields(), *PINS, "lesson", "start")
    strange = [name for name in query if name not in known and name not in OTHERS and not name.startswith(("_", "utm"))]
    if not strange:
        return ""
    named = []
    for name in strange[:NAMED]:
        near = difflib.get_close_matches(name, known, 1)
        named.append(say("{name} (is it {near}?)", name=quoted(name), near=near[0]) if near else quoted(name))
    names = ", ".join((*named, *["…"] * (len(strange) > NAMED)))
    return say("The link also says {names}, which this page doesn't know and leaves out.", names=names)


def pins_query(past: PastRuns) -> tuple[dict[str, str], list[str]]:
    """({name in the link: what it says}, names of pinned runs whose settings are too long for it)."""
    texts = {run.name: _write_pin(run) for run in past.pins}
    short = [text for text in texts.values() if len(text) <= LONGEST_PIN]
    return dict(zip(PINS, short, strict=False)), [name for name, text in texts.items() if text not in short]


def read_pins(query: Mapping[str, str]) -> tuple[PastRun, ...]:
    """The pinned runs of a link, with the numbers that it says; raises :class:`UserError` where one is wrong."""
    found = []
    for place in (place for place in PINS if place in query):
        try:
            found.append(_read_pin(query[place]))
        except UserError as error:
            raise UserError(f"{place}: {error}") from None
    return tuple(found)


def _write_pin(run: PastRun) -> str:
    def end(values: np.ndarray) -> str:
        return f"{values[-1]:.6g}" if len(values) and math.isfinite(values[-1]) else ""

    numbers = ",".join(f"{name}:{end(own.accuracy)}:{end(own.entropy)}" for name, own in run.methods.items())
    about = urlencode({"name": run.name, "done": run.batches, "numbers": numbers}, safe=":,", errors="replace")
    return f"{about}&{to_query(run.recipe)}"


def _read_pin(text: str) -> PastRun:
    if len(text) > LONGEST_PIN:
        about = {"length": len(text), "most": LONGEST_PIN}
        raise UserError("it is {length:,} characters long; at most {most:,} are read.", **about)
    said = dict(parse_qsl(text, keep_blank_values=True))
    if strange := [name for name in said if name not in OF_PIN and name not in fields()]:
        raise UserError("it has no setting {name}.", name=quoted(strange[0]))
    recipe = open_link({name: value for name, value in said.items() if name not in OF_PIN})
    batches, methods = recipe.settings.stream.batches, {}
    done = _number("done", said.get("done", str(batches)), 1, batches, whole=True)
    highest = round(math.log(len(recipe.class_names) or LIMITS.max_classes) + 0.01, 2)
    for part in filter(None, said.get("numbers", "").split(",")):
        name, *ends = part.split(":")
        if name not in recipe.settings.methods or len(ends) != 2:
            words = Text("numbers has {value}; it must be METHOD:ACCURACY:ENTROPY of a method of the run.")
            raise UserError(words, value=quoted(part))
        ends = ([_number("numbers", end, 0, high)] if end else [] for end, high in zip(ends, (1, highest), strict=True))
        methods[name] = PastMethod(*(np.array(end, np.float64) for end in ends))  # curves of one point, or of none
    return PastRun(recipe, done, methods, name=said.get("name", ""), linked=True)


def _number(name: str, text: str, low: float, high: float, whole: bool = False) -> Any:
    value: Any = text
    with suppress(ValueError):
        value = int(text) if whole else float(text)
    check_number(name, value, low, high, whole=whole)
    return value
