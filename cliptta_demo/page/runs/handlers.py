"""What the buttons do. A run is a generator; each of its yields commits the session and the page together.

A sweep is short runs at several values of one setting, in the background; the visitor's own run is not touched.
"""

import base64
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.recorded import with_chosen
from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.models.offered import check_visitor_backbone
from cliptta_demo.backend.models.saved_weights import keep_uploaded
from cliptta_demo.backend.own_settings import name_for
from cliptta_demo.backend.run.adapted_weights import as_archive, saved_files
from cliptta_demo.backend.run.snapshot import Snapshot
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import Text, say
from cliptta_demo.page.form.fields import FORM
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.declare import entries, to_json
from cliptta_demo.page.panels.figures import KNOBS, Point, Sweep
from cliptta_demo.page.panels.heads import (
    DownloadLine,
    message_html,
    progress_bar,
    progress_html,
    prompts_html,
    run_line_html,
    spoken,
)
from cliptta_demo.page.panels.past_runs import past_value
from cliptta_demo.page.panels.stage import PARTS, live_stage, stage, waiting_stage
from cliptta_demo.page.runs.host import Host, words_of
from cliptta_demo.page.runs.runner import live_interval
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Asked, Choice, Recipe, Session, Uploads
from cliptta_demo.page.session.uploads import label_note
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.texts import RESET, SWEEP_DONE, SWEEP_PROGRESS, WAITING_FOR_WORKER

# New values by name: "session", "uploads", "choice", "model" (of the run at hand), "message", "spoken",
# "changed" (that the form is not that of the run shown), a button, a part of the stage, or a widget of the form.
Update = dict[str, Any]


SWEEP_IMAGES = 256  # of each of the short runs of a sweep
WORDS = {  # on the button that runs
    "idle": Text("Run"),
    "loading": Text("Loading…"),
    "running": Text("Running…"),
    "paused": Text("Continue"),
    "done": Text("Run again"),
}


def buttons(phase: str) -> Update:
    """What they say, and which can be pressed. ``phase``: one of ``WORDS``."""
    busy = phase in ("loading", "running")
    return {
        "run": gr.Button(say(WORDS[phase]), interactive=not busy),
        "pause": gr.Button(say("Cancel") if phase == "loading" else say("Pause"), interactive=busy),
        "step": gr.Button(interactive=not busy),
    }


def phase_of(session: Session | None) -> str:
    """Where a session stands when nothing runs: idle, paused or done."""
    if session is None or session.snapshot is None:
        return "idle"
    return "done" if session.state.next_batch >= session.snapshot.batches else "paused"


def ended(session: Session | None) -> Update:
    """What tells that nothing runs any more."""
    phase = phase_of(session)
    return {"progress": progress_html(session, None, phase), "spoken": spoken(session, phase), **buttons(phase)}


def settled(session: Session | None, choice: Choice | None = None) -> Update:
    """The same after a run that was broken off, with what the page showed at its last whole batch, or before it."""
    idle = choice.idle if choice is not None else {}
    opened = {name: idle[name] for name in PARTS if name in idle}  # the sweep's is no run's to change
    drawn = stage(session, phase_of(session)) if session is not None else opened or waiting_stage()
    return {**ended(session), **drawn}


def run(
    host: Host,
    session: Session | None,
    uploads: Uploads | None,
    form: Mapping[str, Any],
    batches: int | None,
    key: str,
    choice: Choice | None = None,
    past: PastRuns | None = None,
    lags: Callable[[], bool] = lambda: False,
) -> Iterator[Update]:
    """Runs to the end of the stream, or ``batches`` batches of it, for the visitor ``key``; yields what changed.

    Whoever stops it keeps the session of the last yield; one stopped before its first batch leaves nothing, see
    :func:`settled`. While their browser ``lags`` behind, batches are shown, steps not. Afterwards
    :func:`.filling.put_form_back` is to be asked.
    """
    choice, past, kept = choice or Choice(), past or PastRuns(), session
    kind, words, cleared, begins = "info", "", {}, {}
    try:
        recipe = read_form(form, uploads)
        preparing = {"progress": progress_html(session, None, "preparing"), **buttons("running")}
        yield {**preparing, "spoken": "", "changed": "", "message": message_html()}
        with closing(host.follow(Asked(recipe, session, uploads, batches), "page", key)) as looks:
            line = DownloadLine()
            for look in looks:
                if look.loading is not None:
                    choice = replace(choice, tried=recipe, loading=look.loading, said="")
                    waiting: Update = {"choice": choice}
                    if look.download is not None:
                        waiting |= {"progress": line.html(look.download), **buttons("loading")}
                    yield waiting
                elif look.waiting:
                    yield {"progress": progress_bar(0.0, WAITING_FOR_WORKER, busy=True), **buttons("running")}
                elif look.prompts is not None:
                    yield {"progress": prompts_html(*look.prompts), **buttons("running")}
                elif look.live is not None:
                    if not lags():
                        yield {**cleared, **live_stage(session, look.live, live_interval(host.runs.count))}
                        cleared = {}
                elif look.begun is not None:
                    session, uploads = look.session, look.uploads
                    choice = replace(choice, tried=recipe, loading="", said="")
                    own = uploads if recipe.dataset == UPLOAD else None
                    refused = () if own is None else own.refused
                    refused = (*label_note(own, session.recipe.class_names, recipe.strangers_by_label), *refused)
                    kind = "warning" if refused else "info"
                    words = look.begun.message or host.visitors.apology(key)
                    begins = {"choice": Choice(recipe), "model": recipe.backbone}
                    if look.begun.fresh:
                        begins |= give_way(past, kept, recipe)
                        cleared = waiting_stage() | {"past": begins["past"]}
                    cleared["run_line"] = run_line_html(session)
                    seconds = look.begun.seconds if look.begun.fresh and batches is None else 0.0
                    progress = progress_html(session, None, "preparing", seconds)
                    first: Update = {"uploads": uploads, "choice": choice, "progress": progress}
                    yield {**preparing, **first, "message": message_html(words, kind, refused)}
                else:
                    session = kept = look.session
                    update: Update = {"session": session, **begins, **stage(session, "running")}
                    choice, begins, cleared = begins.get("choice", choice), {}, {}
                    done, total = session.state.next_batch, session.snapshot.batches
                    if batches is None and done < total and 4 * done // total > 4 * (done - 1) // total:
                        update["spoken"] = spoken(session, "running")
                    if session.snapshot.notes:
                        notes = (*refused, *session.snapshot.notes)
                        update["message"] = message_html(words, "warning", notes)
                    yield update
        over = kind == "info" and phase_of(kept) == "done" and not kept.snapshot.notes  # how it began is told no more
        yield ended(kept) | ({"message": message_html()} if over else {})
    except Exception as error:
        said = words_of(error)
        message = message_html(said, "error")
        yield {"message": message, "choice": replace(choice, said=said), **settled(kept, choice)}


def give_way(past: PastRuns, session: Session | None, begins: Recipe | None = None) -> Update:
    """The page shows ``session`` no more: it is the last run for what ``begins``."""
    past = past.after(session)
    return {"past_runs": past, "past": past_value(past, None, begins)}


def reset(choice: Choice | None = None, session: Session | None = None, past: PastRuns | None = None) -> Update:
    """Drops the session: what adapted is gone, the source model was never touched."""
    return emptied(choice or Choice(), RESET) | give_way(past or PastRuns(), session)


def emptied(choice: Choice, words: str) -> Update:
    """The page without a run: a stage that waits for one, and a message."""
    empty = {"session": None, "choice": replace(choice, idle={}), "message": message_html(words)}
    return {**empty, "changed": "", "spoken": "", **waiting_stage(), **buttons("idle")}


def recipes(recipe: Recipe, knob: str) -> list[tuple[float, Recipe]]:
    """The short runs: (value, recipe), each of about ``SWEEP_IMAGES`` images."""
    stream, adaptation = recipe.settings.stream, recipe.settings.adaptation
    found = []
    for value in KNOBS[knob]:
        size = int(value) if knob == "batch_size" else stream.batch_size
        short = replace(stream, batch_size=size, batches=max(1, math.ceil(SWEEP_IMAGES / size)))
        own = adaptation
        if knob == "learning_rate":
            value = min(1.0, float(f"{value * adaptation.learning_rate:.3g}"))
            own = replace(adaptation, learning_rate=value)
        elif knob == "steps":
            own = replace(adaptation, steps=int(value))
        found.append((value, replace(recipe, settings=replace(recipe.settings, stream=short, adaptation=own))))
    return found


def unmoved(knob: str, runs: Sequence[RunSettings]) -> list[str]:
    """Methods that go by another setting than the knob's: one of their own, what was chosen for them, or none."""
    if knob == "batch_size":
        return []

    def gone_by(method: str) -> set[Any]:
        return {with_chosen(one, method).flat().get(name_for(method, knob)) for one in runs}

    return [method for method in runs[0].methods if method != REFERENCE and len(gone_by(method)) == 1]


def sweep_data(knob: str, recipe: Recipe, runs: Sequence[tuple[float, Recipe]]) -> Sweep:
    """What the panel draws before the first of these runs."""
    settings = recipe.settings
    return {
        "setting": FORM[knob].label,
        "values": [value for value, _ in runs],
        "usual": settings.flat()[knob],
        "images": SWEEP_IMAGES,
        "methods": entries(settings.methods),
        "unmoved": unmoved(knob, [own.settings for _, own in runs]),
        "points": [],
        "run": to_query(recipe),
    }


def sweep(host: Host, name: Any, uploads: Uploads | None, form: Mapping[str, Any], key: str) -> Iterator[Update]:
    """What the button *Sweep* does: after each short run, the panel's data and a line; ``name``: the knob."""
    try:
        recipe = read_form(form, uploads)
        if not isinstance(name, str) or name not in KNOBS:
            raise UserError("The knob must be one of: {allowed}.", allowed=", ".join(KNOBS))
        runs = recipes(recipe, name)
        data = sweep_data(name, recipe, runs)
        for done, (value, own) in enumerate(runs):
            yield _swept(data, SWEEP_PROGRESS.format(done=done, all=len(runs), now=FORM[name].phrase(value)))
            last: Snapshot | None = None
            with closing(host.follow(Asked(own, None, uploads), "page", f"{key} sweep")) as looks:
                for look in looks:
                    if look.session is not None:
                        last = look.session.snapshot or last
            if last is not None:
                data["points"].append(_point(value, last))
        yield _swept(data, SWEEP_DONE.format(all=len(runs)))
    except Exception as error:
        yield {"sweep_note": message_html(words_of(error), "error")}


def _point(value: float, snapshot: Snapshot) -> Point:
    ceiling = math.log(len(snapshot.class_names))
    methods = snapshot.methods.items()
    spread = {name: method.histogram_entropy / ceiling for name, method in methods}
    return {"value": value, "accuracy": {name: method.accuracy for name, method in methods}, "spread": spread}


def _swept(data: Sweep, words: str) -> Update:
    return {"sweep": to_json(data), "sweep_note": message_html(words)}


def weights_download(host: Host, session: Session | None) -> str:
    """A zip with a file for each method that adapts the tower; "" before the first batch."""
    if session is None or session.snapshot is None:
        return ""
    text = base64.b64encode(host.ask(session.recipe.backbone, _archive, session)).decode()
    return to_json({"name": "cliptta-weights.zip", "type": "application/zip", "text": text, "packed": True})


def _archive(session: Session) -> bytes:
    backbone = load_backbone(session.recipe.backbone, visitor=True)
    return as_archive(saved_files(backbone, session.recipe.settings, session.state.to(backbone.device)))


def take_weights(host: Host, text: str) -> str:
    """The backbone that a visitor's file of adapted weights makes, which comes in base64.

    Raises:
        UserError: no such file, or weights of a backbone that no visitor may have loaded.
    """
    if host.remote is not None:
        raise UserError("Several machines work for this page, and loaded weights are on none: choose a backbone.")
    try:
        data = base64.b64decode(text)
    except (ValueError, TypeError):
        data = b""
    return check_visitor_backbone(keep_uploaded(data))
