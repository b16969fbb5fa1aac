"""Words of the page, in one place. Plain English, one sentence for each panel."""

from html import escape

from cliptta_demo.languages import Text, say

TITLE = "CLIPTTA"
PAPER = "https://arxiv.org/abs/2507.14312"
_LINK = f'<a href="{PAPER}" target="_blank" rel="noopener">'
_ABOUT = Text(
    "CLIP names images by comparing them with captions, and loses accuracy under noise, fog or another style. "
    "Test-time adaptation repairs it on the unlabelled stream itself: entropy minimisation (TENT) and "
    "{link}CLIPTTA</a> run here side by side, on the very same batches."
)


def header() -> str:
    """The page's beginning."""
    return f"""
<header class="masthead">
  <a class="skip" href="#run">{say("Skip to Run")}</a>
  <h1>{TITLE} <span>{say("watch a vision-language model adapt while it is used")}</span></h1>
  <p>{_ABOUT.format(link=_LINK)}</p>
</header>
"""


HELP = {
    "class_names": Text("Commas or lines. For built-in pictures, “cat = kitten” shows cats and calls them kittens."),
    "class_names_hub": Text("Some of the data set's own names, or empty for all of them; “cat = kitten” renames."),
    "dataset": Text("Or type one of the Hugging Face hub: hf:ORGANISATION/NAME, NAME:SPLIT or NAME?domain=sketch."),
    "class_names_upload": Text("Any words. The built-in model has met these in photos; new words are marked below."),
    "methods": Text(
        "Zero-shot always runs: it is the yardstick. “+10” is ten points above it, on average over fifteen "
        "corruptions, each method at its own rate. “10 ×” is ten times its work on a batch."
    ),
    "templates": Text("One a line, {} for the class name. Empty: the backbone's own."),
}

PICKER = {
    "head": Text("Compare"),
    "chosen": Text("Methods of the run"),
    "add": Text("All methods"),
    "times": Text("{} ×"),
    "gain": Text(
        "Points of accuracy over zero-shot, ± {margin} (95 %): the built-in model, fifteen corruptions at severities 3 "
        "and 5, pictures and CIFAR-10, {images} images of each, each method at the rate and steps chosen for it"
    ),
    "cost": Text("Work on a batch, as a multiple of zero-shot's, with the settings that the page opens with"),
}

PAST_NOTHING = Text("There is no run to pin yet: press Run first.")
PAST_FULL = Text("{most} runs are pinned, which is all there is room for: unpin one first.")
PAST_GONE = Text("This run is not pinned any more.")
PAST_LOADED = Text("The settings of “{name}” are in the form: press Run.")
PAST_LEFT_OUT = Text("Left out of the link, because their settings are too long: {names}.")

SWEEP_PROGRESS = Text("{done} of {all} runs done; now {now}.")
SWEEP_DONE = Text("All {all} runs are done.")

WORDS_NEVER = Text("Never met in training, so a guess at best: {}.")
WORDS_DRAWN = Text("Known from drawings, not from photographs: {}.")
WORDS_OFFER = Text("{label} knows most words: {cost}")

BACKBONE_UNLISTED = Text("Not in the list: its size is shown when you press Run, its time once it is loaded.")
BACKBONE_KEPT = Text(
    "Images and settings stay; Advanced takes this model's values. What you see stays until it has loaded, then a "
    "fresh run begins: adapted weights belong to their model."
)
GPU_ADVICE = Text("There is a GPU here: choose {label}, the paper's model")

UPLOAD_HINT = Text(
    "Labels are optional: folder names, or a <code>labels.csv</code> with the columns <code>file,label</code>. "
    "With them, accuracy is shown. Of a video (MP4, WebM or GIF) frames are taken, in their order."
)
UPLOAD_PRIVACY = Text("Deleted within two minutes of your leaving this page; after six hours at the latest.")
KEPT_RUN = Text("A run, kept as one file: what the page showed at its last batch. Nothing runs in it.")


def link_note() -> str:
    """Where *Share* shows the address."""
    label = escape(say("Link to this experiment"))
    return f"""
<p class="link-note" role="status" hidden>
  <span></span><input type="text" readonly aria-label="{label}" onfocus="this.select()">
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
LINK_OPENED = Text("This link's experiment is in the form, seed included: press Run to get the very same numbers.")
LINK_OPENED_UPLOAD = Text(
    "This link's experiment is in the form. It was about images of somebody's own: add yours, then press Run."
)
LINK_LOST = Text(
    "The server was restarted, and your runs on it are gone. The settings of the last one are in the form, seed "
    "included, and its link is here: press Run to get the very same numbers, unless you had changed it on its way."
)
LINK_LOST_UPLOAD = Text(
    "The server was restarted, and your runs and images on it are gone. The settings of the last run are in the form, "
    "and its link is here: add your images again, then press Run."
)
RESET = Text(
    "Reset: what the methods had learnt and the results are gone; settings and images stay. The next run starts from "
    "the source model."
)
LESSON_LEFT = Text("The lesson is closed: the settings are as they were before it.")
RESTORED = Text("All settings are as the page opens with them. Your images stay.")
REMOVED = Text("Your images are deleted, and with them their results and what the methods had learnt of them.")
PROPOSE = Text("Use batches of {size}: {batches} batches instead of {now}")
LINK_OF_FORM = Text(
    "The link is to the settings in the form, which are not those of the run shown: run again to share its numbers."
)
LINK_CHANGES = Text(
    "The link can't hold changes in the middle of a run, and this one has some ({changes}): whoever opens it runs with "
    "the settings in the form from the start."
)
LINK_UNKNOWN = Text("The link also says {names}, which this page doesn't know and leaves out.")

_CREDITS = Text(
    "Emoji art: Noto Emoji by Google (Apache 2.0); Twemoji by Twitter, Inc and other contributors (CC BY 4.0); Fluent "
    "Emoji by Microsoft (MIT); all emojis of the unseen style designed by OpenMoji – the open-source emoji and icon "
    "project (CC BY-SA 4.0). Changed: cropped, resized and pasted on backgrounds."
)


def footer() -> str:
    """The page's end."""
    return f"""
<footer class="colophon">
  <p>{_LINK}CLIPTTA: Robust Contrastive Vision-Language Test-Time Adaptation</a>, NeurIPS 2025.</p>
  <p class="credits">{_CREDITS}</p>
</footer>
"""


BAD_REQUEST = Text(
    "This request makes no sense here: see /gradio_api/info for what can be asked, or load the page again."
)
CLOSED = Text("There is nothing here.")
TOO_LARGE = Text("This request is too large: add images on the page, under Your images.")
