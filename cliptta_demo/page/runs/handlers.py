"""What the buttons do. A run is a generator; each of its yields commits the session and the page together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import check_visitor_backbone, image_size_of
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.page.defaults import UPLOAD
from cliptta_demo.page.form.choice import Choice, put_back
from cliptta_demo.page.form.choices import HUB, images_note
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, FormValues, field_names, form_of, linked_names
from cliptta_demo.page.form.lessons import by_key, lesson_html, lesson_values
from cliptta_demo.page.form.links import open_link, to_query
from cliptta_demo.page.form.opening import opening
from cliptta_demo.page.form.reading import check_form, read_form
from cliptta_demo.page.form.uploader import show_uploader
from cliptta_demo.page.panels.cards import message_html
from cliptta_demo.page.panels.progress import progress_html, prompts_html, spoken
from cliptta_demo.page.panels.stage import live_stage, stage, waiting_stage
from cliptta_demo.page.runs.gpu import follow, words_of
from cliptta_demo.page.runs.preparing import DownloadLine
from cliptta_demo.page.session.keeping import KEEPING
from cliptta_demo.page.session.state import Session, Uploads
from cliptta_demo.page.session.uploads import (
    UploadNews,
    class_text_for,
    decode_uploads,
    fields_for_frames,
    forget_files,
    forget_files_of,
    label_note,
    own_files,
    ready_sentence,
    upload_value,
)
from cliptta_demo.page.texts import FAILED, LINK_OPENED, LINK_OPENED_UPLOAD, RESET

log = logging.getLogger(__name__)
# New values by name: "session", "uploads", "choice", "model" (of the run at hand), "message", "spoken", a button, a
# part of the stage, or a widget of the form.
Update = dict[str, Any]


def buttons(phase: str) -> Update:
    """Which buttons can be pressed. ``phase``: idle, loading, running, paused, done."""
    busy = phase in ("loading", "running")
    words = {"loading": "Loading…", "running": "Running…", "paused": "Continue", "done": "Run again"}.get(phase, "Run")
    return {
        "run": gr.Button(words, interactive=not busy),
        "pause": gr.Button("Cancel" if phase == "loading" else "Pause", interactive=busy),
        "step": gr.Button(interactive=not busy),
    }


def phase_of(session: Session | None) -> str:
    """Where a session stands when nothing runs: idle, paused or done."""
    if session is None or session.snapshot is None:
        return "idle"
    return "done" if session.state.next_batch >= session.snapshot.batches else "paused"


def settled(session: Session | None, choice: Choice | None = None) -> Update:
    """What tells that nothing runs any more."""
    phase = phase_of(session)
    idle = choice.idle if choice is not None and session is None else ""
    return {"progress": idle or progress_html(session, None, phase), "spoken": spoken(session, phase), **buttons(phase)}


def run(
    session: Session | None,
    uploads: Uploads | None,
    values: tuple[Any, ...],
    batches: int | None,
    key: str,
    choice: Choice | None = None,
) -> Iterator[Update]:
    """Runs to the end of the stream, or ``batches`` batches of it.

    Yields what changed. Whoever stops it in between keeps the session of the last yield. ``key`` names the visitor.
    When it has ended or was stopped, :func:`put_form_back` is to be asked.
    """
    choice = choice or Choice(opening())
    try:
        for update in _run(session, uploads, form_of(values), batches, key, choice):
            session, uploads = update.get("session", session), update.get("uploads", uploads)
            choice = update.get("choice", choice)
            if "session" in update:
                KEEPING.keep(key, session, uploads)
            yield update
        return
    except UserError as error:
        said = str(error)
    except gr.Error as error:  # ZeroGPU's
        log.warning("no GPU", exc_info=True)
        said = words_of(error)
    except Exception:
        log.exception("a run failed")
        said = FAILED
    message = message_html(said, "error")
    yield {"message": message, "choice": replace(choice, said=said), **settled(session, choice)}


def _run(
    session: Session | None, uploads: Uploads | None, values: FormValues, batches: int | None, key: str, choice: Choice
) -> Iterator[Update]:
    recipe = read_form(values)
    preparing = {"progress": progress_html(session, None, "preparing"), **buttons("running")}
    yield {**preparing, "spoken": "", "message": message_html()}
    with closing(follow(recipe, session, uploads, batches, "page", key)) as looks:
        line = DownloadLine()
        for look in looks:
            if look.loading is not None:
                waiting: Update = {"choice": choice.trying(values, look.loading)}
                if look.download is not None:
                    waiting |= {"progress": line.html(look.download), **buttons("loading")}
                yield waiting
            elif look.prompts is not None:
                yield {"progress": prompts_html(*look.prompts), **buttons("running")}
            elif look.live is not None:
                yield live_stage(look.session, look.live)
            elif look.begun is not None:
                session, uploads = look.session, look.uploads
                own = uploads if recipe.dataset == UPLOAD else None
                refused = (*label_note(own, session.recipe.class_names), *own.refused) if own is not None else ()
                kind = "warning" if refused else "info"
                words = look.begun.message or KEEPING.apology(key)
                message = message_html(words, kind, refused)
                first: Update = {"session": session, "uploads": uploads, "message": message}
                first |= {"choice": Choice(values), "model": recipe.backbone}
                if look.begun.fresh:
                    first |= waiting_stage(recipe.settings.methods)
                seconds = look.begun.seconds if look.begun.fresh and batches is None else 0.0
                yield {**first, **preparing, "progress": progress_html(session, None, "preparing", seconds)}
            else:
                session = look.session
                update: Update = {"session": session, **stage(session, "running")}
                if session.snapshot.notes:
                    notes = (*refused, *session.snapshot.notes)
                    update["message"] = message_html(words, "warning", notes)
                yield update
    yield settled(session)


def pause(session: Session | None, choice: Choice | None = None) -> Update:
    """Draws the session as committed, after the run was cancelled; one that had yet to begin has drawn nothing."""
    drawn = stage(session, phase_of(session)) if session is not None else {}
    return {**drawn, **settled(session, choice)}


def put_form_back(choice: Choice, values: tuple[Any, ...]) -> Update:
    """After the end of a run: what could not be loaded, or was given up, goes out of the form again."""
    changed, words = put_back(choice, form_of(values))
    update: Update = {"choice": choice.settled}
    if words:
        message = message_html(choice.said or words, "error" if choice.said else "info", (words,) * bool(choice.said))
        update |= {"message": message, **_widgets(changed)}
    return update


def reset(methods: Any, choice: Choice | None = None) -> Update:
    """Drops the session: what adapted is gone, the source model was never touched."""
    chosen = methods if isinstance(methods, list | tuple) else ()
    known = [name for name in METHODS if name == REFERENCE or name in chosen]
    choice = replace(choice or Choice(opening()), idle="")
    empty = {"session": None, "choice": choice, "message": message_html(RESET)}
    return {**empty, **waiting_stage(known), **buttons("idle")}


def open_lesson(key: str) -> Update:
    """What a lesson puts on the page: the form, its text, and a stage that waits for its run."""
    lesson = by_key(key)
    values = lesson_values(lesson)
    return {
        "session": None,
        "choice": Choice(values),
        "model": values.backbone,
        "message": message_html(),
        "lesson": lesson_html(lesson),
        **_form_update(values),
        **waiting_stage(values.methods),
        **buttons("idle"),
    }


def _form_update(values: FormValues) -> Update:
    """All widgets' values; the place for files shows where it is needed."""
    update = _widgets({name: values[name] for name in linked_names()})
    return update | {"files": show_uploader(values.dataset == UPLOAD)}


def _widgets(values: Mapping[str, Any]) -> Update:
    """Fields' values as their widgets take them: a CheckboxGroup takes lists only, some widgets say more."""
    special = {
        "methods": list,
        "hub_dataset": lambda name: gr.Textbox(name, visible=values.get("dataset") == HUB),
        "ood_source": lambda name: gr.Dropdown(value=name, info=images_note(name)),
    }
    return {name: special[name](value) if name in special else value for name, value in values.items()}


def open_address(query: Mapping[str, str]) -> Update:
    """What a page's address asks for: widgets and parts by name, and a message. Empty when it asks for nothing."""
    if not any(name in query for name in linked_names()):
        return {}
    try:
        values = open_link(query)
    except UserError as error:
        return {"message": message_html(f"This link can't be opened as it is: {error}", "error")}
    return {
        "choice": Choice(opening()),
        **_form_update(values),
        **waiting_stage(values.methods),  # the example that the page opens with is another experiment
        "message": message_html(LINK_OPENED_UPLOAD if values.dataset == UPLOAD else LINK_OPENED),
    }


def address_of(values: tuple[Any, ...]) -> tuple[str, str]:
    """("?" and the query of the link to what the form says, message); a form with an error has no link: ""."""
    form = form_of(values)
    try:
        check_form(form)
        query = to_query(form)
        open_link(dict(parse_qsl(query, keep_blank_values=True, max_num_fields=len(field_names()))))
        return f"?{query}", message_html()
    except UserError as error:
        return "", message_html(str(error), "error")


def take_uploads(given: UploadNews, backbone: Any, typed: Any, uploads: Uploads | None) -> Update:
    """Decodes files as soon as they are there, with those taken before; tells what was taken and what was left out.

    Labels become the class names unless the visitor ``typed`` some; with frames of a video the form asks for the order
    given, and for all of them. Names of the update: "uploads", "files", "upload_note", and fields that change.
    """
    if given.cleared:
        forget_files(uploads)
        return {"uploads": None, "files": upload_value(None), "upload_note": message_html()}
    added = own_files(given.added, uploads.files if uploads is not None else ())
    before = uploads.filled if uploads is not None else ""
    files = (*(uploads.files if uploads is not None else ()), *added)
    size = image_size_of(backbone)
    try:
        uploads = decode_uploads(files, size, before, given.every)
    except BaseException:
        forget_files_of(added)
        raise
    lost = len(given.added) - len(added)
    refused = (f"{lost:,} of the files did not arrive: add them again.",) * bool(lost) + uploads.refused
    text = class_text_for(uploads, typed, before)
    uploads = replace(uploads, filled=text or before)
    update: Update = {"uploads": uploads, "files": upload_value(uploads)}
    if not uploads.names:
        return update | {"upload_note": message_html("None of these files can be used.", "error", refused)}
    note = message_html(ready_sentence(uploads, bool(text)), "warning" if refused else "info", refused)
    fields = {"class_names": text} if text else {}
    return update | {"upload_note": note} | fields | fields_for_frames(uploads)


def take_backbone(name: Any) -> tuple[list[Any], str]:
    """(values of the Advanced fold, message): each backbone brings its own tuned values.

    Nothing is loaded: that is for Run, when size and speed have been read.
    """
    try:
        check_visitor_backbone(name)
    except UserError as error:
        return [], message_html(str(error), "error")
    tuned = tuned_adaptation(name)
    return [getattr(tuned, setting) for setting in ADAPTATION_FIELDS], message_html()
