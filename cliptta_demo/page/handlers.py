"""What the buttons do. A run is a generator; each of its yields commits the session and the page together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from cliptta_demo.backend.backbones import BACKBONES
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.experiment import REFERENCE
from cliptta_demo.backend.settings import check_choice
from cliptta_demo.page.activity import ACTIVITY
from cliptta_demo.page.cards import message_html, progress_html
from cliptta_demo.page.defaults import METHOD_LABELS, UPLOAD
from cliptta_demo.page.form import FIELDS, FormValues, read_form
from cliptta_demo.page.gpu import follow, load_backbone
from cliptta_demo.page.lessons import by_key, lesson_html, lesson_values
from cliptta_demo.page.links import LINKED, open_link, to_query
from cliptta_demo.page.runner import decode_uploads
from cliptta_demo.page.session import Session, Uploads, plan
from cliptta_demo.page.sidebar import adaptation_updates
from cliptta_demo.page.texts import FAILED, LINK_OPENED, LINK_OPENED_UPLOAD, RESET
from cliptta_demo.page.view import live_stage, stage, waiting_stage

log = logging.getLogger(__name__)
Update = dict[str, Any]  # new values by name: "session", "uploads", "message", a button, or a part of the stage


def buttons(phase: str) -> Update:
    """Which buttons can be pressed. ``phase``: idle, running, paused, done."""
    busy = phase == "running"
    words = {"running": "Running…", "paused": "Continue", "done": "Run again"}.get(phase, "Run")
    return {
        "run": gr.Button(words, interactive=not busy),
        "pause": gr.Button(interactive=busy),
        "step": gr.Button(interactive=not busy),
    }


def phase_of(session: Session | None) -> str:
    """Where a session stands when nothing runs: idle, paused or done."""
    if session is None or session.snapshot is None:
        return "idle"
    return "done" if session.state.next_batch >= session.snapshot.batches else "paused"


def settled(session: Session | None) -> Update:
    """What tells that nothing runs any more."""
    phase = phase_of(session)
    return {"progress": progress_html(session, None, phase), **buttons(phase)}


def run(
    session: Session | None, uploads: Uploads | None, values: tuple[Any, ...], batches: int | None, key: str
) -> Iterator[Update]:
    """Runs to the end of the stream, or ``batches`` batches of it.

    Yields what changed. Whoever stops it in between keeps the session of the last yield. ``key`` names the visitor.
    """
    with ACTIVITY.at_work(key):
        try:
            form = FormValues(**dict(zip(FIELDS, values, strict=True)))
            for update in _run(session, uploads, form, batches):
                session = update.get("session", session)
                yield update
        except UserError as error:
            yield {"message": message_html(str(error), "error"), **settled(session)}
        except gr.Error as error:  # ZeroGPU's words: the visitor's quota is used up, no GPU is free
            log.warning("no GPU", exc_info=True)
            words = FAILED if error.title == "ZeroGPU worker error" else str(error.message)
            yield {"message": message_html(words, "error"), **settled(session)}
        except Exception:
            log.exception("a run failed")
            yield {"message": message_html(FAILED, "error"), **settled(session)}


def _run(session: Session | None, uploads: Uploads | None, values: FormValues, batches: int | None) -> Iterator[Update]:
    recipe = read_form(values)
    preparing = {"progress": progress_html(session, None, "preparing"), **buttons("running")}
    yield {**preparing, "message": message_html()}
    planned = plan(session, recipe)
    with closing(follow(recipe, planned.session, uploads, batches, "page")) as looks:
        begun = next(looks)
        session, uploads = begun.session, begun.uploads
        refused = uploads.refused if uploads is not None and recipe.dataset == UPLOAD else ()
        message = message_html(planned.message, "warning" if refused else "info", refused)
        first: Update = {"session": session, "uploads": uploads, "message": message}
        if planned.session is None:
            first |= waiting_stage(recipe.settings.methods)
        yield {**first, **preparing}
        for look in looks:
            if look.live is not None:
                yield live_stage(look.session, look.live)
                continue
            session = look.session
            update: Update = {"session": session, **stage(session, "running")}
            if session.snapshot.notes:
                notes = (*refused, *session.snapshot.notes)
                update["message"] = message_html(planned.message, "warning", notes)
            yield update
    yield settled(session)


def pause(session: Session | None) -> Update:
    """Draws the session as committed, after the run was cancelled."""
    drawn = stage(session, phase_of(session)) if session is not None else waiting_stage()
    return {**drawn, **settled(session)}


def reset(methods: Any) -> Update:
    """Drops the session: what adapted is gone, the source model was never touched."""
    known = [name for name in METHOD_LABELS if name == REFERENCE or name in (methods or ())]
    return {"session": None, "message": message_html(RESET), **waiting_stage(known), **buttons("idle")}


def open_lesson(key: str) -> Update:
    """What a lesson puts on the page: the form, its text, and a stage that waits for its run."""
    lesson = by_key(key)
    values = lesson_values(lesson)
    return {
        "session": None,
        "message": message_html(),
        "lesson": lesson_html(lesson),
        **_form_update(values),
        **waiting_stage(values.methods),
        **buttons("idle"),
    }


def _form_update(values: FormValues) -> Update:
    """The widgets' values; a CheckboxGroup takes lists only, and the place for files shows where it is needed."""
    files = gr.File(visible=values.dataset == UPLOAD)
    return {name: getattr(values, name) for name in LINKED} | {"methods": list(values.methods), "files": files}


def open_address(query: Mapping[str, str]) -> Update:
    """What a page's address asks for: widgets and parts by name, and a message. Empty when it asks for nothing."""
    if not any(name in query for name in LINKED):
        return {}
    try:
        values = open_link(query)
    except UserError as error:
        return {"message": message_html(f"This link can't be opened as it is: {error}", "error")}
    return {
        **_form_update(values),
        **waiting_stage(values.methods),  # the example that the page opens with is another experiment
        "message": message_html(LINK_OPENED_UPLOAD if values.dataset == UPLOAD else LINK_OPENED),
    }


def address_of(values: tuple[Any, ...]) -> tuple[str, str]:
    """("?" and the query of the link to what the form says, message); a form with an error has no link: ""."""
    form = FormValues(**dict(zip(FIELDS, values, strict=True)))
    try:
        query = to_query(form)
        open_link(dict(parse_qsl(query, max_num_fields=len(FIELDS))))
        return f"?{query}", message_html()
    except UserError as error:
        return "", message_html(str(error), "error")


def take_uploads(files: Any, backbone: Any, uploads: Uploads | None) -> tuple[Uploads | None, str]:
    """Decodes the files as soon as they are there; tells what was taken and what was left out."""
    paths = tuple(str(file) for file in files or ())
    if not paths:
        return None, message_html()
    try:
        size = load_backbone(backbone if backbone in BACKBONES else "tiny").info.image_size
        uploads = decode_uploads(paths, size, uploads)
    except UserError as error:
        return None, message_html(str(error), "error")
    count = len(uploads.names)
    ready = f"{count} image{'' if count == 1 else 's'} ready. Name the classes below, then press Run."
    if not count:
        return uploads, message_html("None of these files can be used.", "error", uploads.refused)
    return uploads, message_html(ready, "warning" if uploads.refused else "info", uploads.refused)


def take_backbone(name: Any) -> tuple[list[Any], str, str]:
    """(values of the Advanced fold, note of the backbone, message): each backbone brings its own tuned values."""
    note = BACKBONES[name].note if name in BACKBONES else ""
    try:
        check_choice("backbone", name, tuple(BACKBONES))
        return adaptation_updates(load_backbone(name).info.adaptation), note, message_html()
    except UserError as error:
        return [], note, message_html(str(error), "error")
