"""The place for a visitor's own files. ``gr.File`` takes files or a folder, not both, and forgets where in the folder
a file was; this one takes both, archives and videos, and keeps the paths, which are labels.
"""

import html
from typing import Any

import gradio as gr

from cliptta_demo.backend.data.video import MOST_EVERY, USUAL_EVERY
from cliptta_demo.languages import say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.words.texts import UPLOAD_HINT, UPLOAD_PRIVACY

EVERY = f'<input type="number" min="1" max="{MOST_EVERY}" value="{USUAL_EVERY}">'


def _template() -> str:
    return f"""
<div class="drop" role="group" aria-label="{html.escape(say("Your images"))}"
     data-files="{LIMITS.drop_files}" data-image="{LIMITS.images.max_bytes}"
     data-archive="{LIMITS.archives.max_archive_bytes}" data-video="{LIMITS.videos.max_bytes}">
  <p class="call">{say("Drop images, folders, a zip or a video")}</p>
  <div class="choose">
    <button type="button">{say("Choose files")}</button>
    <button type="button">{say("Choose a folder")}</button>
    <button type="button" hidden>{say("Remove all")}</button>
  </div>
  <label class="every" hidden>{say("One frame of every {number}", number=EVERY)}
  </label>
  <p class="status" role="status"></p>
  <input type="file" multiple hidden
    aria-label="{html.escape(say("Image files, zip archives, videos or a table of labels"))}">
  <input type="file" webkitdirectory hidden aria-label="{html.escape(say("A folder of images"))}">
</div>
<p class="hint">{UPLOAD_HINT}</p>
<p class="hint">{UPLOAD_PRIVACY}</p>
"""


def build_uploader(head: str, visible: bool) -> gr.HTML:
    """The widget; its value is JSON text, see :func:`session.uploads.read_news`."""
    return gr.HTML(
        "",
        html_template=_template(),
        js_on_load="window.cliptta.uploader(element, props, watch, trigger);",
        head=head,
        apply_default_css=False,
        visible=visible,
        elem_id="files",
    )


def show_uploader(visible: bool) -> Any:
    """The update that shows or hides it."""
    return gr.HTML(visible=visible)
