"""A run as the page and the API see it, wherever it is performed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.runs.runner import RunUpdate, live_interval
from cliptta_demo.page.session.state import Recipe, Session, Uploads
from cliptta_demo.page.session.uploads import NO_IMAGES
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.texts import FAILED

log = logging.getLogger(__name__)


def follow(
    host: Host,
    recipe: Recipe,
    session: Session | None,
    uploads: Uploads | None,
    batches: int | None,
    by: str,
    key: str = "",
) -> Iterator[RunUpdate]:
    """A run, here or on workers: counted, written down, its memory set aside, and ended when the server stops.

    Args:
        by: "page" or "api"; key: names the visitor.

    Raises:
        UserError: what stands in the run's way, in a sentence.
    """
    if recipe.dataset == UPLOAD and uploads is None:
        raise UserError(NO_IMAGES)
    with host.runs.at_work(recipe, by) as record, ExitStack() as held:
        before, shown = None, 0.0
        with closing(host.run(recipe, session, uploads, batches)) as looks:
            for look in looks:
                if look.refusal:
                    raise look.refusal
                if look.size is not None:
                    held.enter_context(host.memory.set_aside(key, look.size))
                    continue
                now = time.monotonic()
                if look.live is not None and now - shown < live_interval(host.runs.count):
                    continue
                shown = now
                if look.session is not None:
                    before = look.session.state.next_batch if before is None else before
                    record.batches = look.session.state.next_batch - before
                yield look
                host.runs.check()


def words_of(error: Exception) -> str:
    """What a visitor reads of an error, whosoever it is; what is none of ours is written down."""
    if isinstance(error, UserError):
        return str(error)
    log.error("what a visitor asked for failed", exc_info=error)
    # What ZeroGPU says (the quota is used up, no GPU is free); that a worker died is in our words.
    ours = not isinstance(error, gr.Error) or error.title == "ZeroGPU worker error"
    return say(FAILED) if ours else str(error.message)
