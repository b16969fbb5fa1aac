"""Short runs at several values of one setting, in the background; the visitor's own run is not touched."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.recorded import with_chosen
from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.own_settings import name_for
from cliptta_demo.backend.run.snapshot import Snapshot
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import say
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.figures import KNOBS, Knob, Point, Sweep, sweep_data
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.runs.host import Host, words_of
from cliptta_demo.page.session.state import Recipe, Uploads
from cliptta_demo.page.words.texts import SWEEP_DONE, SWEEP_PROGRESS

IMAGES = 256  # of each of the short runs
Update = dict[str, Any]


def recipes(recipe: Recipe, knob: Knob) -> list[tuple[float, Recipe]]:
    """The short runs: (value, recipe), each of about ``IMAGES`` images."""
    stream, adaptation = recipe.settings.stream, recipe.settings.adaptation
    found = []
    for value in knob.values:
        size = int(value) if knob.name == "batch_size" else stream.batch_size
        short = replace(stream, batch_size=size, batches=max(1, math.ceil(IMAGES / size)))
        own = adaptation
        if knob.name == "learning_rate":
            value = min(1.0, float(f"{value * adaptation.learning_rate:.3g}"))
            own = replace(adaptation, learning_rate=value)
        elif knob.name == "steps":
            own = replace(adaptation, steps=int(value))
        found.append((value, replace(recipe, settings=replace(recipe.settings, stream=short, adaptation=own))))
    return found


def unmoved(knob: Knob, runs: Sequence[RunSettings]) -> list[str]:
    """Methods that go by another setting than the knob's: one of their own, what was chosen for them, or none."""
    if knob.name == "batch_size":
        return []

    def gone_by(method: str) -> set[Any]:
        return {with_chosen(one, method).flat().get(name_for(method, knob.name)) for one in runs}

    return [method for method in runs[0].methods if method != REFERENCE and len(gone_by(method)) == 1]


def sweep(host: Host, name: Any, uploads: Uploads | None, form: Mapping[str, Any], key: str) -> Iterator[Update]:
    """What the button *Sweep* does: after each short run, the panel's data and a line on how far it is.

    Args:
        name: the knob; key: names the visitor.
    """
    try:
        recipe = read_form(form, uploads)
        knob = KNOBS.get(name if isinstance(name, str) else "")
        if knob is None:
            raise UserError("The knob must be one of: {allowed}.", allowed=", ".join(KNOBS))
        usual = getattr(recipe.settings.stream if knob.name == "batch_size" else recipe.settings.adaptation, knob.name)
        methods, points, runs = recipe.settings.methods, [], recipes(recipe, knob)
        about = [value for value, _ in runs], usual, IMAGES, unmoved(knob, [own.settings for _, own in runs])
        draw = partial(sweep_data, knob, methods, points, *about)
        for done, (value, own) in enumerate(runs):
            label = say("{setting} {value}", setting=knob.label.lower(), value=f"{value:g}")
            yield _update(draw(), SWEEP_PROGRESS.format(done=done, all=len(runs), now=label))
            last: Snapshot | None = None
            with closing(host.follow(own, None, uploads, None, "page", f"{key} sweep")) as looks:
                for look in looks:
                    if look.session is not None:
                        last = look.session.snapshot or last
            if last is not None:
                points.append(_point(value, last))
        yield _update(draw(), SWEEP_DONE.format(all=len(runs)))
    except Exception as error:
        yield {"sweep_note": message_html(words_of(error), "error")}


def _point(value: float, snapshot: Snapshot) -> Point:
    ceiling = math.log(len(snapshot.class_names))
    methods = snapshot.methods.items()
    spread = {name: method.histogram_entropy / ceiling for name, method in methods}
    return {"value": value, "accuracy": {name: method.accuracy for name, method in methods}, "spread": spread}


def _update(data: Sweep, words: str) -> Update:
    return {"sweep": to_json(data), "sweep_note": message_html(words)}
