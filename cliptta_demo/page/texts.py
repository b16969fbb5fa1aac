"""Words of the page, in one place. Plain English, one sentence for each panel."""

TITLE = "CLIPTTA"
PAPER = "https://arxiv.org/abs/2507.14312"
HEADER = f"""
<header class="masthead">
  <a class="skip" href="#run">Skip to Run</a>
  <h1>CLIPTTA <span>watch a vision-language model adapt while it is used</span></h1>
  <p>CLIP names images by comparing them with captions, and loses accuracy under noise, fog or another style. Test-time
  adaptation repairs it on the unlabelled stream itself: entropy minimisation (TENT) and
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
  <p><b>TENT</b> trusts each prediction on its own, so wrong ones feed themselves. <b>CLIPTTA</b> compares every image
  with the pseudo-captions of the <em>whole batch</em>, so the batch itself resists collapse; <b>OCE</b> also keeps
  strangers out. Only the normalisation layers of the image tower move.</p>
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
