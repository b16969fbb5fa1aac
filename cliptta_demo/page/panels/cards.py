"""Cards, progress and messages as HTML. Pure; every text that a person could have written is escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence

from cliptta_demo.backend.methods.looks import MethodLook, looks
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.arithmetic import duration
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.snapshot import LiveStep, MethodSnapshot, Series, Snapshot
from cliptta_demo.page.defaults import UPLOAD
from cliptta_demo.page.session.state import Session

WORTH_SAYING = 15.0  # seconds that a run takes, before it is worth a word


def cards_html(session: Session | None, methods: Sequence[str], live: LiveStep | None = None) -> str:
    """One card per method: accuracy, gain over zero-shot, what it fixed and broke."""
    snapshot = session.snapshot if session else None
    cards = "".join(_card(name, look, snapshot, live) for name, look in looks(methods).items())
    return f'<div class="cards" role="group" aria-label="Results so far">{cards}</div>'


def _card(name: str, look: MethodLook, snapshot: Snapshot | None, live: LiveStep | None) -> str:
    method = snapshot.methods.get(name) if snapshot else None
    number, gain = "–", '<span class="quiet">press Run</span>'
    details = _live_text(name, live)
    if method is not None:
        if method.accuracy is None:
            number, gain = _unlabelled(name, snapshot)
        else:
            number = f"{100 * method.accuracy:.1f}<small>%</small>"
            gain = _gain(name, method, snapshot.methods.get(REFERENCE))
        details = details or _details(name, method)
    elif live is not None:
        gain = '<span class="quiet">first batch</span>'
    return (
        f'<article class="card" data-method="{name}" style="--own: var(--m-{look.colour})">'
        f'<h3 title="{html.escape(METHODS[name].sentence)}"><i class="marker {look.symbol}" aria-hidden="true"></i>'
        f"{html.escape(look.label)}</h3>"
        f'<p class="number" data-testid="accuracy-{name}">{number}</p>'
        f'<p class="gain">{gain}</p><p class="details">{details or "&nbsp;"}</p>{_sparkline(method)}</article>'
    )


def _gain(name: str, method: MethodSnapshot, reference: MethodSnapshot | None) -> str:
    if name == REFERENCE:
        return '<span class="quiet">accuracy without adapting</span>'
    if reference is None or reference.accuracy is None or method.accuracy is None:
        return ""
    points = 100 * (method.accuracy - reference.accuracy)
    if abs(points) < 0.05:
        return '<span class="quiet">same as zero-shot</span>'
    sign, way = ("▲ +", "up") if points > 0 else ("▼ −", "down")
    return f'<span class="{way}">{sign}{abs(points):.1f} points</span> <span class="quiet">vs zero-shot</span>'


def _details(name: str, method: MethodSnapshot) -> str:
    if name == REFERENCE or method.improvement is None or method.deterioration is None:
        return ""
    words = "Share of zero-shot's wrong images now right, and of its right images now wrong"
    return f'<span title="{words}">fixed {method.improvement:.0%} · broke {method.deterioration:.0%}</span>'


def _live_text(name: str, live: LiveStep | None) -> str:
    if live is None or name not in live.methods or live.methods[name].accuracy is None:
        return ""
    return f"batch at work: {live.methods[name].accuracy:.0%}"


def _unlabelled(name: str, snapshot: Snapshot) -> tuple[str, str]:
    """Without labels: mean confidence instead of accuracy, and how many predictions differ from zero-shot's."""
    batch = snapshot.methods[name].batch
    number = f"{100 * float(batch.confidence.mean()):.0f}<small>% sure</small>"
    if name == REFERENCE:
        return number, '<span class="quiet">mean confidence; no labels given</span>'
    changed = int((batch.predicted != snapshot.methods[REFERENCE].batch.predicted).sum())
    return number, f'{changed} of {len(batch.predicted)} <span class="quiet">predictions changed</span>'


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


def progress_html(
    session: Session | None, live: LiveStep | None = None, state: str = "idle", seconds: float = 0.0
) -> str:
    """Bar and line of text: batches done, speed, time left.

    Args:
        state: idle, preparing, running, paused, done.
        seconds: that the whole run will take, about, where that is known beforehand.
    """
    if state == "preparing":
        long = f" The run takes about {duration(seconds)} on this machine." if seconds > WORTH_SAYING else ""
        return progress_bar(0.0, f"Loading the model and drawing the first batch…{long}", busy=True)
    if session is None or (session.snapshot is None and live is None):
        return progress_bar(0.0, "Ready. Press Run to watch the methods adapt.")
    snapshot = session.snapshot
    total = snapshot.batches if snapshot else live.batches
    own = session.recipe.dataset == UPLOAD  # images that end before the batches asked for do
    if (
        not own
        and session.recipe.settings.stream.batches != total
        and snapshot
        and not session.state.next_batch >= total
    ):
        total = session.recipe.settings.stream.batches
    done = session.state.next_batch
    share = done + (live.step / live.steps if live else 0.0)
    words = [f"<b>{done}</b> of {total} batch{'' if total == 1 else 'es'}"]
    if live is not None:
        words.append(f"step {live.step} of {live.steps}")
    if session.seconds:
        recent = session.seconds[-5:]
        pace = sum(recent) / len(recent)
        images = session.state.images_done / done
        words.append(f"{images / max(pace, 1e-6):,.0f} images/s")
        if state == "running" and total > share:
            words.append(f"about {duration((total - share) * pace)} left")
    words.extend({"paused": ["paused"], "done": ["finished"]}.get(state, []))
    return progress_bar(share / max(total, 1), " · ".join(words), busy=state == "running")


def prompts_html(done: int, total: int) -> str:
    """Bar and line of text while the class names go through the text tower."""
    return progress_bar(done / total, f"Reading the class names: <b>{done:,}</b> of {total:,} captions", busy=True)


def example_progress_html(corruption: str, severity: int) -> str:
    """The line above the run that the page opens with."""
    mark = '<span class="example">Example</span>'
    words = html.escape(f"{corruption} at severity {severity}. Press Run to watch it happen.")
    return progress_bar(1.0, f"{mark} {words}")


def progress_bar(share: float, text: str, busy: bool = False) -> str:
    """A bar filled to ``share`` (0 to 1) with a line of HTML beside it."""
    percent = round(100 * min(max(share, 0.0), 1.0), 1)
    return (
        f'<div class="progress{" busy" if busy else ""}"><div class="track" role="progressbar" aria-label="Progress" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}">'
        f'<div class="fill" style="width: {percent}%"></div></div>'
        f'<p data-testid="progress">{text}</p></div>'
    )


def message_html(text: str = "", kind: str = "info", more: Sequence[str] = ()) -> str:
    """A note to the person; ``kind``: info, warning, error. ``more`` are further sentences, one a line."""
    if not text and not more:
        return '<div class="messages" role="status"></div>'
    role = "status" if kind == "info" else "alert"
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in (text, *more) if line)
    return f'<div class="messages" role="{role}"><div class="note {kind}" data-testid="message">{lines}</div></div>'
