"""What fills the form beside the visitor: lessons, links, uploads, a backbone's values, and what is put back."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import Any
from urllib.parse import parse_qsl, urlencode

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import check_visitor_backbone, image_size_of
from cliptta_demo.languages import Text, say, say_count
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, FORM, class_text_and_corruption, fields
from cliptta_demo.page.form.links import open_link, pins_query, read_pins, to_query, unknown_words
from cliptta_demo.page.form.reading import opening, read_form, readable, values_of
from cliptta_demo.page.lessons.lessons import by_key, lesson_recipe, read_lesson, tried_recipes
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.lesson import lesson_value
from cliptta_demo.page.panels.past_runs import past_value
from cliptta_demo.page.panels.stage import shipped_run, waiting_stage
from cliptta_demo.page.runs.handlers import Update, buttons, emptied, give_way, settled
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Choice, Recipe, Session, Uploads, changed_names
from cliptta_demo.page.session.uploads import (
    UploadStore,
    better_batch_size,
    class_text_for,
    decode_uploads,
    fields_for,
    forget_files,
    own_files,
    read_news,
    ready_sentence,
    upload_value,
)
from cliptta_demo.page.words.defaults import UPLOAD

# What names a choice that is loaded → the fields that came with it.
_COME_WITH = {"backbone": ("backbone", *ADAPTATION_FIELDS), "dataset": ("dataset", "class_names", "corruption")}
# What is said of a link that is opened, of a run on images of the page or somebody's own; and of a lost run's.
_OPENED = (
    Text("This link's experiment is in the form, seed included: press Run to get the very same numbers."),
    Text("This link's experiment is in the form. It was about images of somebody's own: add yours, then press Run."),
)
_LOST = (
    Text(
        "The server was restarted, and your runs on it are gone. The settings of the last one are in the form, seed "
        "included, and its link is here: press Run to get the very same numbers, unless you had changed it on its way."
    ),
    Text(
        "The server was restarted, and your runs and images on it are gone. The settings of the last run are in the "
        "form, and its link is here: add your images again, then press Run."
    ),
)
_OTHER_RUN = Text(
    "The link is to the settings in the form, which are not those of the run shown: run again to share its numbers."
)
_CHANGED = Text(
    "The link can't hold changes in the middle of a run, and this one has some ({changes}): whoever opens it runs with "
    "the settings in the form from the start."
)
_TOO_LONG = Text("Left out of the link, because their settings are too long: {names}.")


def open_lesson(
    key: str, before: Mapping[str, Any] | None = None, session: Session | None = None, past: PastRuns | None = None
) -> Update:
    """What a lesson puts on the page: the form, its stepper, and a stage that waits for its run.

    Args:
        before: what the form is to say when the lesson is left.
        session: the run shown, which is the last run then, unless it gives the lesson's answer.
    """
    lesson = by_key(key)
    recipe = lesson_recipe(lesson)
    past = (past or PastRuns()).after(session).but(recipe)
    if lesson.compare:
        past = past.beside(read_form({}), lesson.compare, shipped_run())
    return {
        **_fresh(recipe, past),
        "message": message_html(),
        "lesson": lesson_value(lesson, opened=str(time.monotonic())),
        "lesson_key": key,
        "before": before,
    }


def change_one(key: str, session: Session | None, past: PastRuns, index: int = 0) -> Update:
    """What a lesson tries at its end, by its number from 0, in the form; a run that was no try is the last run then."""
    tried = tried_recipes(by_key(key))
    left = None if session is not None and session.recipe in tried else session
    return _fresh(tried[index], past.after(left))


def _fresh(recipe: Recipe, past: PastRuns) -> Update:
    return {
        "session": None,
        "choice": Choice(recipe),
        "model": recipe.backbone,
        "changed": "",
        "past_runs": past,
        "past": past_value(past, None, recipe),
        **values_of(recipe),
        **waiting_stage(),
        **buttons("idle"),
    }


def leave_lesson(before: Mapping[str, Any] | None) -> Update:
    """The form as it was before the lesson; the run stays."""
    return _filled(before or opening(), Text("The lesson is closed: the settings are as they were before it."))


def restore_defaults() -> Update:
    """The form as the page opens, the visitor's images apart; the run stays."""
    return _filled(opening(), Text("All settings are as the page opens with them. Your images stay."))


def _filled(values: Mapping[str, Any], words: str) -> Update:
    return {"lesson": "", "lesson_key": "", "before": None, **values, "message": message_html(words)}


def put_form_back(choice: Choice, form: Mapping[str, Any]) -> Update:
    """After the end of a run: what could not be loaded, or was given up, goes out of the form again.

    Not where the visitor has chosen something else meanwhile: ``form`` is what the form says at this moment.
    """
    update, name = {"choice": choice.settled}, choice.loading
    if choice.worked is None or choice.tried is None or not name:
        return update
    old, new = values_of(choice.worked), values_of(choice.tried)
    if old[name] == new[name] or form[name] != new[name]:
        return update
    words = say("The form is back at {name}; everything else is as it was.", name=FORM[name].words(old[name]))
    if choice.said:
        message = message_html(choice.said, "error", (words,))
    else:
        message = message_html(f"{say('Loading {name} was cancelled.', name=FORM[name].words(new[name]))} {words}")
    return update | {"message": message} | {field: old[field] for field in _COME_WITH.get(name, (name,))}


def open_address(query: Mapping[str, str], past: PastRuns | None = None, lost: bool = False) -> Update:
    """What a page's address asks for; ``lost``: whether it is that of a run which ended with the server before."""
    past, update, words = past or PastRuns(), {}, []
    unknown = [sentence] if (sentence := unknown_words(query)) else []
    try:
        if "lesson" in query:
            key, starts = read_lesson(query)
            update = open_lesson(key, past=past)
            past = update["past_runs"]
            update |= {"go": f"{key} {time.monotonic()}"} if starts else {}
        if pins := read_pins(query):
            past = reduce(lambda runs, run: runs.pin(run, run.name), pins, past)
            update |= {"past_runs": past, "past": past_value(past, None)}
            words.append(
                say_count(
                    "{count} run is pinned with this link, with the numbers it says; load one and press Run to see for "
                    "yourself.",
                    "{count} runs are pinned with this link, with the numbers it says; load one and press Run to see "
                    "for yourself.",
                    len(pins),
                )
            )
        if lost or any(name in query for name in fields()):
            recipe = open_link(query)
            words.insert(0, say((_LOST if lost else _OPENED)[recipe.dataset == UPLOAD]))
            update |= {"choice": Choice(readable(opening())), "changed": "", **values_of(recipe)}
            # The example that the page opens with is another experiment.
            update |= waiting_stage() | give_way(past, None, recipe)
    except UserError as error:
        sentence = say("This link can't be opened as it is: {reason}", reason=error)
        return {"message": message_html(sentence, "error", unknown)}
    if words or unknown:
        update["message"] = message_html(" ".join(words), "warning" if unknown else "info", unknown)
    return update


def address_of(
    form: Mapping[str, Any],
    uploads: Uploads | None = None,
    session: Session | None = None,
    shown: Recipe | None = None,
    past: PastRuns | None = None,
    lesson: str = "",
) -> tuple[str, str]:
    """("?" and the query of the link to what the form says, message); a form with an error has no link: "".

    Args:
        past: whose pinned runs the link holds too; lesson: the open one, to which the link is while the form is its.
        session: the run shown, shown: its settings; the message says where the link is not theirs.
    """
    try:
        recipe = read_form(form, uploads)
        pins, left_out = pins_query(past or PastRuns())
        settings = to_query(recipe)
        open_link(dict(parse_qsl(settings, keep_blank_values=True)))
        if lesson and settings == to_query(lesson_recipe(by_key(lesson))):
            settings = urlencode({"lesson": lesson})
        query = "&".join(filter(None, (settings, urlencode(pins))))
    except UserError as error:
        return "", message_html(str(error), "error")
    words = []
    if shown is not None and changed_names(shown, recipe):
        words.append(_OTHER_RUN)
    elif session is not None and session.marks:
        words.append(_CHANGED.format(changes=", ".join(session.changes)))
    if left_out:
        words.append(_TOO_LONG.format(names=", ".join(left_out)))
    return f"?{query}", message_html(kind="warning" if words else "info", more=words)


def take_uploads(
    store: UploadStore, news: str | None, backbone: Any, typed: Any, uploads: Uploads | None, batch_size: Any = None
) -> Update:
    """Decodes files as soon as they are there, with those taken before; tells what was taken and what was left out.

    Labels become the class names unless the visitor ``typed`` some; the form asks for all images, for frames of
    a video in their order. Where its ``batch_size`` makes hardly a batch of images, another is proposed.
    """
    given, every = read_news(news)
    added = own_files(store, given)
    before = uploads.filled if uploads is not None else ""
    files = (*(uploads.files if uploads is not None else ()), *added)
    size = image_size_of(backbone)
    try:
        uploads = decode_uploads(files, size, before, every)
    except BaseException:
        forget_files(store, added)
        raise
    lost = len(given) - len(added)
    words = say("{count:,} of the files did not arrive: add them again.", count=lost)
    refused = (words,) * bool(lost) + uploads.refused
    text = class_text_for(uploads, typed, before)
    uploads = replace(uploads, filled=text or before)
    images = len(uploads.names)
    propose = gr.Button(visible=False)
    if better := better_batch_size(0 if uploads.frames else images, batch_size):
        about = {"size": better, "batches": -(-images // better), "now": -(-images // int(batch_size))}
        words = say("Use batches of {size}: {batches} batches instead of {now}", **about)
        propose = gr.Button(words, visible=True)
    update: Update = {"uploads": uploads, "files": upload_value(uploads), "propose": propose}
    if not images:
        return update | {"upload_note": message_html(say("None of these files can be used."), "error", refused)}
    note = message_html(ready_sentence(uploads, bool(text)), "warning" if refused else "info", refused)
    fields = {"class_names": text} if text else {}
    return update | {"upload_note": note} | fields | fields_for(uploads, batch_size)


def clear_uploads(
    store: UploadStore, session: Session | None, choice: Choice, uploads: Uploads | None, past: PastRuns | None = None
) -> Update:
    """Takes a visitor's images away, and what was made of them, when no run is at work. Another run is kept, paused."""
    forget_files(store, uploads.files if uploads is not None else ())
    gone: Update = {"uploads": None, "files": upload_value(None), "upload_note": message_html()}
    own = session is not None and session.recipe.dataset == UPLOAD
    past = (past or PastRuns()).without_uploads()
    gone |= {"propose": gr.Button(visible=False), "past_runs": past, "past": past_value(past, None if own else session)}
    if not own:
        return {**settled(session, choice), **gone}
    words = Text("Your images are deleted, and with them their results and what the methods had learnt of them.")
    return {**gone, **emptied(choice, words)}


def take_dataset(name: str) -> Update:
    """The values that a data set brings."""
    class_names, corruption = class_text_and_corruption(name)
    return {"dataset": name, "class_names": class_names, "corruption": corruption}


def take_backbone(name: Any) -> Update:
    """The values that a backbone brings, which is not loaded yet, or a message where there is no such."""
    try:
        tuned = tuned_adaptation(check_visitor_backbone(name))
    except UserError as error:
        return {"message": message_html(str(error), "error")}
    return {"message": message_html()} | {setting: getattr(tuned, setting) for setting in ADAPTATION_FIELDS}
