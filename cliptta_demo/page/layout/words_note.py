"""What the built-in model knows of the class names in the form, said below them. Other models know most words."""

from __future__ import annotations

import html
from collections.abc import Sequence
from contextlib import suppress

from cliptta_demo.backend.data.catalog import DATASETS
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.known_words import split_by_knowledge
from cliptta_demo.backend.models.loading import TINY
from cliptta_demo.backend.models.uploaded_weights import base_of
from cliptta_demo.languages import say
from cliptta_demo.page.form.fields import FormValues
from cliptta_demo.page.form.reading import class_words
from cliptta_demo.page.words.texts import WORDS_DRAWN, WORDS_NEVER

NAMED = 6  # words; beyond them a number stands


def words_note_html(values: FormValues) -> str:
    """A line or two; empty where there is nothing to say."""
    drawn, never = unknown_words(values)
    lines = [f'<p class="never">{WORDS_NEVER.format(_listed(never))}</p>'] if never else []
    lines += [f"<p>{WORDS_DRAWN.format(_listed(drawn))}</p>"] if drawn else []
    return f'<div class="words-note" data-testid="words-note" role="status">{"".join(lines)}</div>'


def unknown_words(values: FormValues) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The class names known from drawings alone, and those never met.

    None where another model is chosen, every word is known, or what is written are no class names. The built-in images
    are drawings: there it is enough to know those.
    """
    if isinstance(values.backbone, str) and base_of(values.backbone) == TINY:
        with suppress(UserError):  # said elsewhere, when the run is asked for
            drawn, never = split_by_knowledge(class_words(values))
            return () if values.dataset in DATASETS else drawn, never
    return (), ()


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    shown = ", ".join(f"<b>{html.escape(name)}</b>" for name in names[:NAMED])
    return say("{names} and {count} more", names=shown, count=more) if more > 0 else shown
