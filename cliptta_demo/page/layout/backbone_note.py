"""What to know of a backbone before it is loaded: its cost, its licence, what stays, and which words it never met."""

import html
from collections.abc import Sequence
from dataclasses import replace

from cliptta_demo.backend.data.catalog import DATASETS
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.models.loading import TINY
from cliptta_demo.backend.models.offered import (
    LAPTOPS,
    PAPERS,
    BackboneEntry,
    check_visitor_backbone,
    entry_of,
    label_of,
    licence_of,
    place_of,
    split_by_knowledge,
)
from cliptta_demo.backend.models.saved_weights import base_of
from cliptta_demo.backend.models.weights import is_fetched
from cliptta_demo.backend.run.arithmetic import duration
from cliptta_demo.languages import Text, say
from cliptta_demo.page.runs.cost import seconds_per_batch
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.session.state import Recipe

NAMED = 6  # words; beyond them a number stands


def backbone_note_html(machine: Machine, backbone: object, recipe: Recipe | None, before: str) -> str:
    """A line on the model, three facts, and, for another one than ``before``, the page's, what stays when it comes."""
    try:
        name = check_visitor_backbone(backbone)
    except UserError:
        return ""
    entry = entry_of(name)
    unlisted = say("Not in the list: its size is shown when you press Run, its time once it is loaded.")
    about = html.escape(entry.about if entry else unlisted)
    facts = [_download(name), (say("Licence"), _licence(name))]
    if recipe and (time := time_per_batch(machine, recipe)):
        facts.append((say("Batch of {count}", count=recipe.settings.stream.batch_size), say("about {time}", time=time)))
    told = "".join(f"<div><dt>{what}</dt><dd>{value}</dd></div>" for what, value in facts)
    stays = say(
        "Images and settings stay; Adapting takes this model's values. What you see stays until it has loaded, then a "
        "fresh run begins: adapted weights belong to their model."
    )
    kept = "" if name == before else f"<p>{html.escape(stays)}</p>"
    if name != PAPERS:
        words = say("The paper's is {name} ({cost}).", name=html.escape(label_of(PAPERS)), cost=_fetching(PAPERS))
        kept = f"<p>{words}</p>{kept}"
    return f'<div class="model-note" data-testid="backbone-note"><p>{about}</p><dl>{told}</dl>{kept}</div>'


def model_line_html(backbone: str) -> str:
    """Which model runs: a button that leads to the others."""
    name = html.escape(label_of(backbone))
    return f'<button type="button" data-shows="#backbone input">{name} <i aria-hidden="true">⌄</i></button>'


def time_per_batch(machine: Machine, recipe: Recipe) -> str:
    """In words; "" where it can't be told."""
    seconds = seconds_per_batch(machine, recipe)
    if seconds is None:
        return ""
    return say("{seconds:.1f} s", seconds=max(seconds, 0.1)) if seconds < 10 else duration(seconds)


def _download(name: str) -> tuple[str, str]:
    if base_of(name) == TINY:
        return say("Download"), say("none")
    if is_fetched(name):
        return say("Download"), say("kept here")
    entry = entry_of(name)
    return say("Fetched once"), megabytes(entry.download) if isinstance(entry, BackboneEntry) else say("size on Run")


def _fetching(name: str) -> str:
    """What getting a listed backbone costs, in a clause."""
    size = _download(name)[1]
    return size if is_fetched(name) else say("{size}, fetched once", size=size)


def _licence(name: str) -> str:
    if licence := licence_of(name):
        return html.escape(licence)
    repository, _ = place_of(name)
    if not repository:
        return say("see its page")
    address = html.escape(f"https://huggingface.co/{repository}", quote=True)
    return f'<a href="{address}" target="_blank" rel="noopener">{say("see its page")}</a>'


def words_offer(machine: Machine, recipe: Recipe | None) -> str:
    """What to choose where the built-in model lacks words of the form, and its cost."""
    if not any(unmet_words(recipe)):
        return ""
    cost = [_fetching(LAPTOPS)]
    if time := time_per_batch(machine, replace(recipe, backbone=LAPTOPS)):
        cost.append(say("a batch about {time}", time=time))
    return say("{label} knows most words: {cost}", label=label_of(LAPTOPS), cost="; ".join(cost))


def gpu_advice(backbone: object, device: str) -> str:
    """What to choose where there is a GPU and the built-in model, made for processors, is chosen."""
    if device != "cuda" or backbone != TINY:
        return ""
    return say("There is a GPU here: choose {label}, the paper's model", label=label_of(PAPERS))


def words_note_html(recipe: Recipe | None) -> str:
    """A line or two; empty where there is nothing to say."""
    drawn, never = unmet_words(recipe)
    told = (
        ("never", Text("Never met in training, so a guess at best: {}."), never),
        ("drawn", Text("Known from drawings, not from photographs: {}."), drawn),
    )
    lines = "".join(f'<p class="{kind}">{words.format(_listed(names))}</p>' for kind, words, names in told if names)
    return f'<div class="words-note" data-testid="words-note" role="status">{lines}</div>'


def unmet_words(recipe: Recipe | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The built-in model's class names known from drawings alone (enough for the built-in images), and never met."""
    if recipe is None or base_of(recipe.backbone) != TINY:
        return (), ()
    drawn, never = split_by_knowledge(recipe.class_names)
    return () if recipe.dataset in DATASETS else drawn, never


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    shown = ", ".join(f"<b>{html.escape(name)}</b>" for name in names[:NAMED])
    return say("{names} and {count} more", names=shown, count=more) if more > 0 else shown
