"""What stands over the panels: how far a run is, and which one; messages. Text becomes HTML here, and is escaped."""

import html
import time
from collections.abc import Sequence

from cliptta_demo.backend.hub.downloads import Progress, megabytes
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.loading import TINY
from cliptta_demo.backend.models.offered import label_of
from cliptta_demo.backend.run.arithmetic import duration
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.languages import localised, say, say_count
from cliptta_demo.page.form.fields import FORM
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.panels.form_line import batches_words, shift_words
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.texts import close_button

SELDOM = 1.0  # seconds between two looks, from which it is worth a word
WORTH_SAYING = 15.0  # seconds that a run takes, before it is worth a word


def progress_html(
    session: Session | None, live: LiveStep | None = None, state: str = "idle", seconds: float = 0.0, every: float = 0.0
) -> str:
    """Bar and line of text: batches done, speed, time left.

    Args:
        state: idle, preparing, running, paused, done.
        seconds: that the whole run will take, about; every: between two looks at its steps.
    """
    if state == "preparing":
        words = [say("Loading the model and drawing the first batch…")]
        if seconds > WORTH_SAYING:
            words.append(say("The run takes about {time} on this machine.", time=duration(seconds)))
        return progress_bar(0.0, " ".join(words), busy=True)
    if session is None or (session.snapshot is None and live is None):
        return progress_bar(0.0, say("Ready. Press Run to watch the methods adapt."))
    snapshot = session.snapshot
    total = snapshot.batches if snapshot else live.batches
    if snapshot and session.recipe.dataset != UPLOAD and session.state.next_batch < total:
        total = session.recipe.settings.stream.batches  # which images of a visitor's may end before
    done = session.state.next_batch
    share = done + (live.step / live.steps if live else 0.0)
    words = [say_count("<b>{done}</b> of {count} batch", "<b>{done}</b> of {count} batches", total, done=done)]
    if live is not None:
        words.append(say("step {step} of {steps}", step=live.step, steps=live.steps))
    if session.seconds:
        recent = session.seconds[-5:]
        pace = sum(recent) / len(recent)
        words.append(say("{pace:,.0f} images/s", pace=session.state.images_done / done / max(pace, 1e-6)))
        if state == "running" and total > share:
            words.append(say("about {time} left", time=duration((total - share) * pace)))
    if every >= SELDOM:
        words.append(say("many runs are at work: a look every {seconds:.0f} s", seconds=every))
    if state in ("paused", "done"):
        words.append(say("paused") if state == "paused" else say("finished"))
    return progress_bar(share / max(total, 1), " · ".join(words), busy=state == "running")


def prompts_html(done: int, total: int) -> str:
    """Bar and line of text while the class names go through the text tower."""
    words = say("Reading the class names: <b>{done:,}</b> of {total:,} captions", done=done, total=total)
    return progress_bar(done / total, words, busy=True)


class DownloadLine:
    """The progress bar of a download, with its pace, and the licence that it names."""

    def __init__(self) -> None:
        self.began: tuple[float, int] | None = None

    def html(self, progress: Progress) -> str:
        """Bar and line of text."""
        name, now = html.escape(label_of(progress.name)), time.monotonic()
        if progress.done >= progress.total:
            self.began = None  # what comes next has a pace of its own
            return progress_bar(1.0, say("Opening {name}…", name=name), busy=True)
        if self.began is None or progress.done < self.began[1]:
            self.began = (now, progress.done)
        done, total = megabytes(progress.done), megabytes(progress.total)
        words = [say("Downloading: <b>{done}</b> of {total}", done=done, total=total)]
        seconds, arrived = now - self.began[0], progress.done - self.began[1]
        if seconds > 1 and arrived:
            left = duration((progress.total - progress.done) * seconds / arrived)
            words.append(say("about {time} left", time=left))
        if progress.behind:
            words.insert(0, say("{name} comes after another download", name=html.escape(label_of(progress.behind))))
        words.append(html.escape(progress.name))
        if progress.licence:
            words.append(html.escape(say("licence: {name}", name=progress.licence)))
        return progress_bar(progress.done / max(progress.total, 1), " · ".join(words), busy=True)


def example_progress_html() -> str:
    """The line below the sentence of the run that the page opens with."""
    words = say("A model meets noise it was never trained on. All but zero-shot go on learning, without labels.")
    example = html.escape(say("Recorded example"))
    return progress_bar(1.0, f'{html.escape(words)} <span class="example">{example}</span>')


def progress_bar(share: float, text: str, busy: bool = False) -> str:
    """A bar filled to ``share`` (0 to 1) with a line of HTML beside it."""
    percent, label = round(100 * min(max(share, 0.0), 1.0), 1), html.escape(say("Progress"))
    return (
        f'<div class="progress{" busy" if busy else ""}"><div class="track" role="progressbar" aria-label="{label}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}">'
        f'<div class="fill" style="--share: {percent}%"></div></div>'
        f'<p data-testid="progress">{text}</p></div>'
    )


def spoken(session: Session | None, phase: str) -> str:
    """What a screen reader says at each quarter of a run and at its end: where it stands, and the accuracies."""
    snapshot = session.snapshot if session is not None else None
    if snapshot is None:
        return ""
    done = {"done": snapshot.batch + 1, "batches": snapshot.batches}
    if phase == "running":
        where = say("Batch {done} of {batches}.", **done)
    elif phase == "done":
        where = say("Finished after {done} of {batches} batches.", **done)
    else:
        where = say("Paused after {done} of {batches} batches.", **done)
    known = {name: method.accuracy for name, method in snapshot.methods.items() if method.accuracy is not None}
    found = [f"{METHODS[name].label} {localised(f'{accuracy:.1%}')}" for name, accuracy in known.items()]
    unknown = say("The images have no labels, so there is no accuracy.")
    return f"{where} {say('Accuracy: {accuracies}.', accuracies=', '.join(found)) if found else unknown}"


def run_line_html(session: Session | None = None) -> str:
    """The settings of the run shown in a line, with its link; empty where no run is shown."""
    if session is None:
        return ""
    recipe, stream = session.recipe, session.recipe.settings.stream
    if session.marks and session.shifts:
        name, severity = session.shifts[0]
        shift = corruption_name(name) if name == "none" else f"{corruption_name(name)} {severity}"
    else:
        shift = shift_words(recipe)
    parts = [FORM["dataset"].words(recipe.dataset), shift]
    if stream.ood_share:
        strangers = FORM["ood_source"].words(recipe.ood_source)
        parts.append(say("{share:.0%} {strangers}", share=stream.ood_share, strangers=strangers))
    if recipe.backbone != TINY:
        parts.append(FORM["backbone"].words(recipe.backbone))
    parts.append(FORM["methods"].words(recipe.settings.methods))
    batches = session.snapshot.batches if session.snapshot else stream.batches  # fewer than asked where images end
    parts.append(batches_words(recipe, batches))
    words, link = html.escape(" · ".join((*parts, *session.changes))), html.escape(to_query(recipe))
    return f'<p class="run-line" data-testid="run-line" data-link="{link}" title="{words}">{words}</p>'


def message_html(text: str = "", kind: str = "info", more: Sequence[str] = ()) -> str:
    """A note to the person; ``kind``: info, warning, error. ``more`` are further sentences, one a line."""
    if not text and not more:
        return '<div class="messages" role="status"></div>'
    role = "status" if kind == "info" else "alert"
    lines = "".join(f"<p>{html.escape(say(line))}</p>" for line in (text, *more) if line)
    note = f'<div class="note {kind}" data-testid="message">{close_button("this.parentElement.remove()")}{lines}</div>'
    return f'<div class="messages" role="{role}">{note}</div>'
