"""How far a run is, as HTML and in a sentence. Pure; every text that a person could have written is escaped."""

import html

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.arithmetic import duration
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.page.defaults import UPLOAD
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.texts import WAITING_FOR_WORKER

WORTH_SAYING = 15.0  # seconds that a run takes, before it is worth a word


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


def waiting_html() -> str:
    """Bar and line of text while no worker is there."""
    return progress_bar(0.0, WAITING_FOR_WORKER, busy=True)


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


def spoken(session: Session | None, phase: str) -> str:
    """What a screen reader says once nothing runs any more: where the run stands, and each method's accuracy."""
    snapshot = session.snapshot if session is not None else None
    if snapshot is None:
        return ""
    done = f"{snapshot.batch + 1} of {snapshot.batches} batches"
    found = [
        f"{METHODS[name].label} {method.accuracy:.1%}"
        for name, method in snapshot.methods.items()
        if method.accuracy is not None
    ]
    accuracies = f"Accuracy: {', '.join(found)}" if found else "The images have no labels, so there is no accuracy"
    return f"{'Finished' if phase == 'done' else 'Paused'} after {done}. {accuracies}."
