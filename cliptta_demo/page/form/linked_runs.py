"""Pinned runs in a link: settings as any link has them, with a name and the few numbers that came of them.

``?pin1=name%3DFog%26done%3D10%26numbers%3Dzero-shot%3A0.36%3A1.88%26corruption%3Dfog``: each pin is a query of its own,
with accuracy and entropy at the end as numbers. They are what the link says; the page marks them so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

import numpy as np

from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.languages import say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.fields import field_names, linked_names
from cliptta_demo.page.form.links import PINS, open_link, recipe_query
from cliptta_demo.page.form.reading import check_form
from cliptta_demo.page.session.past import PastMethod, PastRun, PastRuns
from cliptta_demo.page.session.state import Recipe

LONGEST_PIN = 1500  # characters of one; four of them and an experiment pass through any server on the way
_OWN = ("name", "done", "numbers")


def pins_query(past: PastRuns) -> tuple[dict[str, str], list[str]]:
    """({name in the link: what it says}, names of pinned runs whose settings are too long for it)."""
    texts = {run.name: _write(run) for run in past.pins}
    short = [text for text in texts.values() if len(text) <= LONGEST_PIN]
    return dict(zip(PINS, short, strict=False)), [name for name, text in texts.items() if text not in short]


def read_pins(query: Mapping[str, str]) -> tuple[PastRun, ...]:
    """The pinned runs of a link.

    Raises:
        UserError: what is wrong with one of them, and what is allowed.
    """
    found = []
    for place in (place for place in PINS if place in query):
        try:
            found.append(_read(query[place]))
        except UserError as error:
            raise UserError(f"{place}: {error}") from None
    return tuple(found)


def _write(run: PastRun) -> str:
    ends = {name: (_number(method.accuracy), _number(method.entropy)) for name, method in run.methods.items()}
    numbers = ",".join(f"{name}:{accuracy}:{entropy}" for name, (accuracy, entropy) in ends.items())
    about = urlencode({"name": run.name, "done": run.batches, "numbers": numbers}, safe=":,", errors="replace")
    settings = recipe_query(run.recipe)
    return f"{about}&{settings}" if settings else about


def _number(values: np.ndarray) -> str:
    return f"{values[-1]:.6g}" if len(values) and math.isfinite(values[-1]) else ""


def _read(text: str) -> PastRun:
    if len(text) > LONGEST_PIN:
        raise UserError(
            say("it is {length:,} characters long; at most {most:,} are read.", length=len(text), most=LONGEST_PIN)
        )
    try:
        said = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=len(field_names()) + len(_OWN)))
    except ValueError:
        raise UserError(say("it has more settings than there are.")) from None
    strange = [name for name in said if name not in _OWN and name not in linked_names()]
    if strange:
        raise UserError(say("it has no setting {name}.", name=quoted(strange[0])))
    recipe = check_form(open_link({name: value for name, value in said.items() if name not in _OWN}))
    batches = recipe.settings.stream.batches
    try:
        done = int(said.get("done", batches))
    except ValueError:
        raise UserError(say("done is {value}; it must be a whole number.", value=quoted(said["done"]))) from None
    check_number("done", done, 1, batches, whole=True)
    methods = _methods(said.get("numbers", ""), recipe)
    return PastRun(recipe, done, methods, name=said.get("name", ""), linked=True)


def _methods(text: str, recipe: Recipe) -> dict[str, PastMethod]:
    methods = {}
    for part in filter(None, text.split(",")):
        name, *numbers = part.split(":")
        if name not in recipe.settings.methods or len(numbers) != 2:
            raise UserError(
                say(
                    "numbers has {value}; it must be METHOD:ACCURACY:ENTROPY of a method of the run.",
                    value=quoted(part),
                )
            )
        ends = zip(numbers, (1.0, math.log(len(recipe.class_names) or LIMITS.max_classes) + 0.01), strict=True)
        accuracy, entropy = (_end(number, high) for number, high in ends)
        methods[name] = PastMethod(accuracy, entropy)
    return methods


def _end(text: str, high: float) -> np.ndarray:
    """One number from 0 to ``high`` as a curve of one point; empty where there is none."""
    if not text:
        return np.zeros(0, np.float64)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= high:
        raise UserError(
            say("numbers has {value}; it must be a number from 0 to {high:.2f}.", value=quoted(text), high=high)
        )
    return np.array([value], np.float64)
