"""Words of the page, in one place. Plain English, one sentence for each panel."""

from html import escape

from cliptta_demo.languages import Language, Text, codes, language, say

TITLE = "CLIPTTA"
PAPER = "https://arxiv.org/abs/2507.14312"
_LINK = f'<a href="{PAPER}" target="_blank" rel="noopener">'
_ABOUT = Text(
    "CLIP names images by comparing them with captions, and loses accuracy under noise, fog or another style. "
    "Test-time adaptation repairs it on the unlabelled stream itself: entropy minimisation (TENT) and "
    "{link}CLIPTTA</a> run here side by side, on the very same batches."
)


DEPTHS = {"watch": Text("Watch"), "why": Text("Why"), "explore": Text("Explore")}


def header(lessons: int) -> str:
    """The page's beginning: its name, the tabs of its depths, and the menu of lessons."""
    tabs = "".join(
        f'<button type="button" role="tab" id="tab-{name}" aria-controls="{name}">{say(words)}</button>'
        for name, words in DEPTHS.items()
    )
    count = say("{count}, from 3 minutes", count=lessons)
    menu = f'<button type="button" id="lessons-open"><b>{say("Lessons")}</b> <span>{count}</span></button>'
    return f"""
<header class="masthead">
  <a class="skip" href="#run">{say("Skip to Run")}</a>
  <h1>{TITLE}</h1>
  <nav role="tablist" aria-label="{escape(say("Depth"))}">{tabs}</nav>
  {menu}
</header>
"""


def languages_html() -> str:
    """The menu of languages, each by its own name; nothing where there is but one."""
    known = [Language(code) for code in codes()]  # for their names no catalogue is read
    here = language().code
    options = "".join(
        f'<option value="{one.code}" lang="{one.code}"{" selected" * (one.code == here)}>{escape(one.name)}</option>'
        for one in known
    )
    label = escape(say("Language"))
    return f'<select aria-label="{label}">{options}</select>' if known[1:] else "<select hidden></select>"


def sentence_html() -> str:
    """The place of the sentence that leads."""
    waits = say("Who reads the noisy images, and who calls them all one name?")
    return f'<p class="body" data-waits="{escape(waits)}"></p>'


def headline_html() -> str:
    """The place of what *Explore* found, and how it is used."""
    hint = say("Point at a method, batch or image: it lights up in every picture. Click a title to enlarge it.")
    return f'<p class="body"></p><p class="hint">{hint}</p>'


PAST_FULL = Text("{most} runs are pinned, which is all there is room for: unpin one first.")
PAST_GONE = Text("This run is not pinned any more.")

SWEEP_PROGRESS = Text("{done} of {all} runs done; now {now}.")
SWEEP_DONE = Text("All {all} runs are done.")


KEPT_RUN = Text("A run, kept as one file: what the page showed at its last batch. Nothing runs in it.")


def close_button(work: str) -> str:
    """A small cross that does this ``work``."""
    return f'<button type="button" class="close" aria-label="{escape(say("Close"))}" onclick="{work}">✕</button>'


def link_note() -> str:
    """Where *Share* shows the address."""
    label = escape(say("Link to this experiment"))
    return f"""
<p class="link-note" role="status" hidden>
  <span></span><input type="text" readonly aria-label="{label}" onfocus="this.select()">
  {close_button("this.parentElement.hidden = true")}<small></small>
</p>
"""


CAMERA_GONE = Text("The camera has ended on the server, which keeps nothing of it. Press Start to begin anew.")
CAMERAS_TAKEN = Text("As many cameras as this server takes are at work: try again in some minutes.")
CAMERA_CLEAN = Text("{method} learns from clean images too, which a camera doesn't bring: take it off the methods.")
CAMERA_BORROWED = Text(
    "This server borrows its GPU run by run, which does not go with a camera. Copy the page to your machine, and it "
    "does: see docs/hosting.md."
)
FAILED = Text(
    "Something went wrong on our side. Your run is kept as it was: press Run to go on, or Reset to start afresh."
)
NO_ROOM = Text("The server has no room for more images at the moment. Try again later, or with fewer or smaller ones.")
TOO_SLOW = Text("This upload took too long and was broken off: try again, with fewer or smaller images.")
MEMORY_TAKEN = Text(
    "Other visitors' runs take all memory that this server has for runs at the moment: try again in a minute, or "
    "choose a smaller batch size, fewer shots or fewer classes."
)
LOST = Text(
    "The server needed the memory, and your run had rested the longest: its {batches} and their results are gone. Your "
    "settings and images are still here"
)
NO_MEMORY = Text(
    "The memory of this machine ran out. Your run is kept up to its last whole batch: choose a smaller batch size or "
    "backbone, or try again in a minute."
)
NO_WORKERS = Text(
    "None of the machines that work for this page can be reached at the moment. Your run is kept up to its last whole "
    "batch: press Run in a minute to go on."
)
WORKERS_LOST = Text(
    "This run was begun on several machines, and each stopped in the middle of a batch. It is kept up to its last "
    "whole batch: choose a smaller batch size or backbone, or try again in a minute."
)
WAITING_FOR_WORKER = Text("Waiting for a machine to be free to work…")
STOPPING = Text(
    "The server is being restarted, and this run ends with it: nothing of it is kept. The same settings and seed give "
    "the same numbers, in a minute."
)
RESET = Text(
    "Reset: what the methods had learnt and the results are gone; settings and images stay. The next run starts from "
    "the source model."
)

_CREDITS = Text(
    "Emoji art: Noto Emoji by Google (Apache 2.0); Twemoji by Twitter, Inc and other contributors (CC BY 4.0); Fluent "
    "Emoji by Microsoft (MIT); all emojis of the unseen style designed by OpenMoji – the open-source emoji and icon "
    "project (CC BY-SA 4.0). Changed: cropped, resized and pasted on backgrounds."
)


def footer() -> str:
    """The end of *Explore*."""
    paper = f"{_LINK}CLIPTTA: Robust Contrastive Vision-Language Test-Time Adaptation</a>, NeurIPS 2025."
    return f'<footer class="colophon"><p>{paper}</p></footer>'


def credits_html() -> str:
    """What it is about, and whose pictures they are: the end of the drawer."""
    return f'<div class="colophon"><p>{_ABOUT.format(link=_LINK)}</p><p>{_CREDITS}</p></div>'


BAD_REQUEST = Text(
    "This request makes no sense here: see /gradio_api/info for what can be asked, or load the page again."
)
CLOSED = Text("There is nothing here.")
TOO_LARGE = Text("This request is too large: add images on the page, under Your images.")
