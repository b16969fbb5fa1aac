"""Words of the page, in one place. Plain English, one sentence for each panel."""

TITLE = "CLIPTTA"
PAPER = "https://arxiv.org/abs/2507.14312"
HEADER = f"""
<header class="masthead">
  <a class="skip" href="#run">Skip to Run</a>
  <h1>CLIPTTA <span>watch a vision-language model adapt while it is used</span></h1>
  <p>CLIP names images by comparing them with captions, and loses accuracy under noise, fog or another style.
  Test-time adaptation repairs it on the unlabelled stream itself: entropy minimisation (TENT) and
  <a href="{PAPER}" target="_blank" rel="noopener">CLIPTTA</a> run here side by side, on the very same batches.</p>
</header>
"""

HELP = {
    "class_names": "Commas or lines. For built-in pictures, “cat = kitten” shows cats and calls them kittens.",
    "class_names_hub": "Some of the data set's own names, or empty for all of them; “cat = kitten” renames.",
    "hub_dataset": "Of the Hugging Face hub; its test split, or NAME:SPLIT. NAME?domain=sketch takes some rows.",
    "class_names_upload": "Any words. The built-in model knows photos of these ten best.",
    "methods": "Zero-shot always runs: it is the yardstick. “10 ×” is ten times its work on a batch.",
    "templates": "One a line, {} for the class name. Empty: the backbone's own.",
}

PICKER = {
    "head": "Compare",
    "chosen": "Methods of the run",
    "add": "All methods",
    "times": "{} ×",
    "cost": "Work on a batch, as a multiple of zero-shot's, with the settings that the page opens with",
}

PAST = {
    "pin": "Pin this run",
    "save": "Save as CSV",
    "this": "This run",
    "run": "Run",
    "table": "Runs side by side",
    "actions": "What to do with it",
    "dotted": "Dotted",
    "behind": "Draw {name} behind this run",
    "rename": "Name of the pinned run",
    "load": "Load",
    "load_about": "Put the settings of {name} into the form",
    "unpin": "Unpin",
    "unpin_about": "Unpin {name}",
    "linked": "numbers from a link",
    "batches": "{done} of {asked} batches",
    "note": "Faint, dotted: {name}{settings}.",
    "end": "{name} {end}",
    "empty": "Run again with one thing changed: the run before stays as dotted curves, and in the cards. Pin a run to "
    "keep it for longer.",
    "same": "All of them have the same settings.",
}
PAST_NOTHING = "There is no run to pin yet: press Run first."
PAST_FULL = "{most} runs are pinned, which is all there is room for: unpin one first."
PAST_GONE = "This run is not pinned any more."
PAST_LOADED = "The settings of “{name}” are in the form: press Run."
PAST_OPENED = "{count} pinned with this link, with the numbers it says; load one and press Run to see for yourself."
PAST_LEFT_OUT = "Left out of the link, because their settings are too long: {names}."

LESSON = {
    "region": "Lesson {number}: {title}",
    "sets": "Set by this lesson:",
    "as_is": "the settings that the page comes with",
    "steps": "Steps of the lesson",
    "step": "Step {number}: {name}",
    "ask": "Predict",
    "see": "See",
    "told": "Explain",
    "change": "Change one thing",
    "run": "Run",
    "next": "Next",
    "next_lesson": "Next lesson",
    "finish": "Finish",
    "close": "Close",
    "close_about": "Close the lesson",
    "choose": "Choose…",
    "running": "It runs: watch the curves. Your guesses are drawn beside them.",
    "none": "Press Run: your guesses will stand beside what happens.",
    "part": "The run has stopped on its way: press Continue to see how it ends.",
    "other": "This run has other settings than the lesson. Open the lesson again for its own.",
    "changed": "This run has the lesson's one change. Open the lesson again for its own run.",
    "said": "You said {guess}.",
    "too_high": "You said {guess}, {off} points too high.",
    "too_low": "You said {guess}, {off} points too low.",
    "holds": "So it is in this run",
    "noise": "Within the noise of so few images in this run",
    "fails": "Not in this run",
    "holds_sign": "✓",
    "noise_sign": "≈",
    "fails_sign": "✗",
    "save": "Save my answers",
    "forget": "Forget them",
}
LINK_LESSON_ALONE = "A link opens a lesson or an experiment, not both: this one says lesson and {name}."

SWEEP_PROGRESS = "{done} of {all} runs done; now {now}."
SWEEP_DONE = "All {all} runs are done."

WORDS_NEVER = "Never met in training, so a guess at best: {}."
WORDS_DRAWN = "Known from drawings, not from photographs: {}."
WORDS_OFFER = "{label} knows most words: {cost}"

BACKBONE_UNLISTED = "Not in the list: its size is shown when you press Run, its time once it is loaded."
BACKBONE_KEPT = (
    "Images and settings stay; Advanced takes this model's values. What you see stays until it has loaded, then a "
    "fresh run begins: adapted weights belong to their model."
)
GPU_ADVICE = "There is a GPU here: choose {label}, the paper's model"

UPLOAD_HINT = (
    "Labels are optional: folder names, or a <code>labels.csv</code> with the columns <code>file,label</code>. "
    "With them, accuracy is shown. Of a video (MP4, WebM or GIF) frames are taken, in their order."
)
UPLOAD_PRIVACY = "Deleted within two minutes of your leaving this page; after six hours at the latest."
KEPT_RUN = "A run, kept as one file: what the page showed at its last batch. Nothing runs in it."
LINK_NOTE = """
<p class="link-note" role="status" hidden>
  <span></span><input type="text" readonly aria-label="Link to this experiment" onfocus="this.select()">
</p>
"""
CAMERA_GONE = "The camera has ended on the server, which keeps nothing of it. Press Start to begin anew."
CAMERAS_TAKEN = "As many cameras as this server takes are at work: try again in some minutes."
CAMERA_CLEAN = "{method} learns from clean images too, which a camera doesn't bring: take it off the methods."
CAMERA_BORROWED = (
    "This server borrows its GPU run by run, which does not go with a camera. Copy the page to your machine, and it "
    "does: see docs/hosting.md."
)
FAILED = "Something went wrong on our side. Your run is kept as it was: press Run to go on, or Reset to start afresh."
NO_ROOM = "The server has no room for more images at the moment. Try again later, or with fewer or smaller ones."
TOO_SLOW = "This upload took too long and was broken off: try again, with fewer or smaller images."
MEMORY_TAKEN = (
    "Other visitors' runs take all memory that this server has for runs at the moment: try again in a minute, or "
    "choose a smaller batch size, fewer shots or fewer classes."
)
LOST = (
    "The server needed the memory, and your run had rested the longest: its {batches} and their results are gone. Your "
    "settings and images are still here"
)
NO_MEMORY = (
    "The memory of this machine ran out. Your run is kept up to its last whole batch: choose a smaller batch size or "
    "backbone, or try again in a minute."
)
NO_WORKERS = (
    "None of the machines that work for this page can be reached at the moment. Your run is kept up to its last whole "
    "batch: press Run in a minute to go on."
)
WORKERS_LOST = (
    "This run was begun on several machines, and each stopped in the middle of a batch. It is kept up to its last "
    "whole batch: choose a smaller batch size or backbone, or try again in a minute."
)
WAITING_FOR_WORKER = "Waiting for a machine to be free to work…"
STOPPING = "The server is being restarted. Your run is kept up to its last whole batch; try again in a minute."
LINK_OPENED = "This link's experiment is in the form, seed included: press Run to get the very same numbers."
LINK_OPENED_UPLOAD = (
    "This link's experiment is in the form. It was about images of somebody's own: add yours, then press Run."
)
RESET = (
    "Reset: what the methods had learnt and the results are gone; settings and images stay. The next run starts from "
    "the source model."
)
LESSON_LEFT = "The lesson is closed: the settings are as they were before it."
RESTORED = "All settings are as the page opens with them. Your images stay."
REMOVED = "Your images are deleted, and with them their results and what the methods had learnt of them."
PROPOSE = "Use batches of {size}: {batches} batches instead of {now}"
LINK_OF_FORM = (
    "The link is to the settings in the form, which are not those of the run shown: run again to share its numbers."
)
LINK_CHANGES = (
    "The link can't hold changes in the middle of a run, and this one has some ({changes}): whoever opens it runs with "
    "the settings in the form from the start."
)
LINK_UNKNOWN = "The link also says {names}, which this page doesn't know and leaves out."

FOOTER = f"""
<footer class="colophon">
  <p><a href="{PAPER}" target="_blank" rel="noopener">CLIPTTA: Robust Contrastive Vision-Language Test-Time
  Adaptation</a>, NeurIPS 2025.</p>
  <p class="credits">Emoji art: Noto Emoji by Google (Apache 2.0); Twemoji by Twitter, Inc and other contributors
  (CC BY 4.0); Fluent Emoji by Microsoft (MIT); all emojis of the unseen style designed by OpenMoji – the open-source
  emoji and icon project (CC BY-SA 4.0). Changed: cropped, resized and pasted on backgrounds.</p>
</footer>
"""
BAD_REQUEST = "This request makes no sense here: see /gradio_api/info for what can be asked, or load the page again."
CLOSED = "There is nothing here."
TOO_LARGE = "This request is too large: add images on the page, under Your images."
