"""Cards and messages as HTML. Pure; every text that a person could have written is escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence

from cliptta_demo.backend.methods.looks import MethodLook, looks
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.metrics import Paired
from cliptta_demo.backend.run.snapshot import LiveStep, MethodSnapshot, Series, Snapshot
from cliptta_demo.languages import say
from cliptta_demo.page.session.state import Session

FEW = 20  # images: a share of fewer is told as a number of them
NOISE = say(
    "Within the noise of so few images: {changed} of {seen} came out differently, and chance alone often gives such a "
    "difference (two standard errors, McNemar)."
)


def cards_html(session: Session | None, methods: Sequence[str], live: LiveStep | None = None) -> str:
    """One card per method: accuracy, gain over zero-shot, what it fixed and broke."""
    snapshot = session.snapshot if session else None
    cards = "".join(_card(name, look, snapshot, live) for name, look in looks(methods).items())
    return f'<div class="cards" role="group" aria-label="{html.escape(say("Results so far"))}">{cards}</div>'


def _card(name: str, look: MethodLook, snapshot: Snapshot | None, live: LiveStep | None) -> str:
    method = snapshot.methods.get(name) if snapshot else None
    number, gain = "–", _quiet(say("press Run"))
    details = _live_text(name, live)
    if method is not None:
        if method.accuracy is None:
            number, gain = _unlabelled(name, snapshot)
        else:
            number = f"{100 * method.accuracy:.1f}<small>%</small>"
            gain = _gain(name, method)
        details = details or _details(name, method)
    elif live is not None:
        gain = _quiet(say("first batch"))
    return (
        f'<article class="card" data-method="{name}" style="--own: var(--m-{look.colour})">'
        f'<h3 title="{html.escape(METHODS[name].sentence)}"><i class="marker {look.symbol}" aria-hidden="true"></i>'
        f"{html.escape(look.label)}</h3>"
        f'<p class="number" data-testid="accuracy-{name}">{number}</p>'
        f'<p class="gain">{gain}</p><p class="details">{details or "&nbsp;"}</p>{_sparkline(method)}</article>'
    )


def _gain(name: str, method: MethodSnapshot) -> str:
    """The lead over zero-shot: an arrow where it is more than chance, grey with its margin where it is not."""
    if name == REFERENCE:
        return _quiet(say("accuracy without adapting"))
    paired = method.paired
    points, margin = 100 * paired.gain, 100 * paired.margin
    if not paired.fixed + paired.broken:
        return _quiet(say("same as zero-shot"))
    if paired.is_noise:
        sign = "+" if points > 0 else "−" if points < 0 else ""
        lead = say("{gain} ± {margin:.1f} points vs zero-shot", gain=f"{sign}{abs(points):.1f}", margin=margin)
        return _quiet(lead, NOISE.format(changed=paired.fixed + paired.broken, seen=paired.seen))
    sign, way = ("▲ +", "up") if points > 0 else ("▼ −", "down")
    return say(
        '<span class="{way}">{gain} points</span> <span class="quiet">vs zero-shot</span>',
        way=way,
        gain=f"{sign}{abs(points):.1f}",
    )


def _details(name: str, method: MethodSnapshot) -> str:
    if name == REFERENCE:
        return ""
    words = say("Of zero-shot's wrong images, those now right; of its right images, those now wrong")
    fixed, broke = (share_of(*counts) for counts in counts_of(method.paired))
    told = say("fixed {fixed} · broke {broke}", fixed=fixed, broke=broke)
    return f'<span title="{html.escape(words)}">{told}</span>'


def counts_of(paired: Paired) -> tuple[tuple[int, int], tuple[int, int]]:
    """(images fixed, of so many that were wrong), (images broken, of so many that were right)."""
    return (paired.fixed, paired.was_wrong), (paired.broken, paired.was_right)


def share_of(part: int, whole: int) -> str:
    """A share in words: of few images their numbers, which no percentage should hide."""
    return say("{part} of {whole}", part=part, whole=whole) if whole < FEW else f"{part / whole:.0%}"


def _live_text(name: str, live: LiveStep | None) -> str:
    if live is None or name not in live.methods or live.methods[name].accuracy is None:
        return ""
    return say("batch at work: {accuracy:.0%}", accuracy=live.methods[name].accuracy)


def _unlabelled(name: str, snapshot: Snapshot) -> tuple[str, str]:
    """Without labels: mean confidence instead of accuracy, and how many predictions differ from zero-shot's."""
    batch = snapshot.methods[name].batch
    number = say("{percent:.0f}<small>% sure</small>", percent=100 * float(batch.confidence.mean()))
    if name == REFERENCE:
        return number, _quiet(say("mean confidence; no labels given"))
    changed = int((batch.predicted != snapshot.methods[REFERENCE].batch.predicted).sum())
    return number, say(
        '{changed} of {images} <span class="quiet">predictions changed</span>',
        changed=changed,
        images=len(batch.predicted),
    )


def _quiet(words: str, more: str = "") -> str:
    """Words that stand back; ``more`` shows when they are pointed at."""
    title = f' title="{html.escape(more)}"' if more else ""
    return f'<span class="quiet"{title}>{words}</span>'


def _sparkline(method: MethodSnapshot | None) -> str:
    own = method.series if method else Series()
    values = [value for value in own.batch_accuracy if value is not None] or list(own.confidence)
    if len(values) < 2:
        return '<svg class="spark" aria-hidden="true"></svg>'
    step = 100 / (len(values) - 1)
    points = " ".join(f"{index * step:.1f},{28 - 26 * value:.1f}" for index, value in enumerate(values))
    return (
        '<svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">'
        f'<polyline points="{points}"/></svg>'
    )


def message_html(text: str = "", kind: str = "info", more: Sequence[str] = ()) -> str:
    """A note to the person; ``kind``: info, warning, error. ``more`` are further sentences, one a line."""
    if not text and not more:
        return '<div class="messages" role="status"></div>'
    role = "status" if kind == "info" else "alert"
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in (text, *more) if line)
    return f'<div class="messages" role="{role}"><div class="note {kind}" data-testid="message">{lines}</div></div>'
