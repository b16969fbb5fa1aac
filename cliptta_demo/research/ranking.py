"""Methods in the order of what they gain over zero-shot, and what that says, out of a line for each stream."""

from collections.abc import Iterable

import pandas as pd

from cliptta_demo.backend.methods.recorded import Measured, chosen
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.research.gallery_tables import RANKED, TABLES
from cliptta_demo.research.text import interval_words, is_told, margin_of, markdown, spread

LITTLE, MUCH = 0.5, 0.8  # accuracies of zero-shot that part streams with much to repair from those with little
SHOWN = 6  # methods in the README
TITLES = {
    "corruptions": "Fifteen corruptions",
    "photographs": "Fifteen corruptions, 200 kinds of photographs",
    "schedules": "Streams that change",
}
INTRODUCTION = (
    "Written by `cliptta-demo gallery`. Gain: accuracy over zero-shot's on the same streams, in points, mean ± "
    "standard error over seeds; each method at the rate and the steps [chosen](chosen.md) for it on pictures and "
    "CIFAR-10 under four other corruptions. ms: the median of the streams, two runs at a time.",
    "Methods are compared on the same streams, seed by seed, with the 95 % interval that Student's t has for so many "
    "seeds: 4.3 standard errors of three, not two. Streams of one seed share their images, so seeds are the units, not "
    "streams. Each comparison stands alone: of a hundred between equals, five would show a difference.",
    "\\* starts anew with each batch or image, is slow, and saw the first batch of each stream alone (the column "
    "*images*). These are other images than the rest's, so it is not compared with the rest.",
    "Zero-shot is no stranger to these images: the built-in model has learnt from CIFAR-10's training photos, from "
    "Tiny ImageNet's, and from three of four styles of pictures, the three shown here; never from a corrupted image.",
)
README = (
    "Points of accuracy over zero-shot, mean ± standard error over three seeds (95 %: Student's t over their paired "
    "differences), of the built-in model, which has learnt from CIFAR-10's training photos, Tiny ImageNet's and three "
    "of four picture styles, never from a corrupted image: on pictures and CIFAR-10 under the fifteen corruptions of "
    "ImageNet-C at severities 3 and 5, in streams of 640 images (\\*: the first 64 alone), each method with the rate "
    "and the steps [that did best](docs/gallery/chosen.md) on four others. Much is wrong where zero-shot reads less "
    f"than {100 * LITTLE:.0f} %, little where it reads {100 * MUCH:.0f} % or more. `cliptta-demo gallery` makes [all "
    "numbers](docs/gallery/ranking.md), with the machines that the times are of, and [answers to a reviewer's "
    "questions](docs/gallery/questions.md). On the page: *Explore*, or `?view=ranking` alone."
)


def outcomes_of(frame: pd.DataFrame, method: str) -> dict[str, pd.Series]:
    """What is kept of a method on finished streams (:func:`.runs.frame_of`).

    accuracy, before: the method's, and zero-shot's on the same images; collapsed: whether it ends so; calibration,
    calibration_before: expected calibration error, and zero-shot's; seconds: for an image; kept: bytes that it
    remembers, beside the model; images: of the stream; machine: what it ran on, with the precision and the threads.
    """
    own, before = (frame[frame.method == name].reset_index() for name in (method, REFERENCE))
    images, batches = own.histogram.map(sum), own.series.map(lambda series: len(series["seconds"]))
    return {
        "corruption": own.corruption,
        "seed": own.seed,
        "accuracy": own.accuracy.round(5),
        "before": before.accuracy.round(5),
        "collapsed": own.collapsed.astype(int),
        "calibration": own.calibration_error.fillna(0.0).round(5),
        "calibration_before": before.calibration_error.fillna(0.0).round(5),
        "seconds": (own.seconds_per_batch * batches / images).round(6),
        "kept": own.kept_bytes,
        "images": images,
        "machine": own.device,
    }


def group_of(streams: pd.DataFrame, group: str) -> pd.DataFrame:
    """The streams of the tables that are ranked together, with the title of their table and the gain, a share."""
    found = streams[streams.table.map(lambda table: TABLES[table].group == group).astype(bool)]
    titles = [TABLES[table].title for table in found.table]
    return found.assign(title=titles, gain=found.accuracy - found.before)


def ranking(streams: pd.DataFrame) -> pd.DataFrame:
    """A line for each method that has run on every table of a group, the one that gains most first.

    Columns: gain, margin of its interval (shares), words (mean ± standard error over seeds); lost, read: such words of
    the streams of which zero-shot reads less than :data:`LITTLE`, and at least :data:`MUCH`; worst; collapsed of
    streams; calibration and calibration_before; seconds (the median, since the machine may have been busy in some);
    kept, images: at most; machine: of most streams; label, with a star where it saw fewer images than others.
    """
    tables = streams.groupby("method", sort=False).title.nunique()
    streams = streams[streams.method.map(tables) == streams.title.nunique()]
    if streams.empty:
        return streams
    by = streams.groupby("method", sort=False)
    several = streams.title.map(streams.groupby("title").corruption.nunique() > 1)
    words = streams.title + (", " + streams.corruption.str.replace("_", " ")).where(several, "")
    cells = streams.assign(words=words).groupby(["method", "words"], sort=False).gain.mean()
    worst = {name: f"{100 * of.min():+.1f} ({of.idxmin()[1]})" for name, of in cells.groupby("method")}
    seeds = by_seed(streams)
    found = pd.DataFrame(
        {
            "gain": seeds.mean(axis=1),
            "margin": seeds.apply(margin_of, axis=1),
            "words": in_words(seeds),
            "lost": in_words(by_seed(streams[streams.before < LITTLE], each=False)),
            "read": in_words(by_seed(streams[streams.before >= MUCH], each=False)),
            "worst": pd.Series(worst),
            "streams": by.size(),
            "machine": by.machine.agg(lambda machines: machines.value_counts().index[0]),
        }
        | {name: by[name].mean() for name in ("calibration", "calibration_before")}
        | {name: by[name].max() for name in ("kept", "images")}
        | {"collapsed": by.collapsed.sum(), "seconds": by.seconds.median()},
        index=seeds.index,
    )
    found["label"] = [METHODS[m].label + "*" * bool(few) for m, few in (found.images < found.images.max()).items()]
    return found.fillna({"lost": "", "read": ""}).sort_values("gain", ascending=False, kind="stable")


def by_seed(streams: pd.DataFrame, each: bool = True) -> pd.DataFrame:
    """Method × seed: the mean gain, over the tables' means where ``each`` counts the same, else over all streams."""
    gains = streams.groupby(["method", *["title"] * each, "seed"], sort=False).gain.mean()
    return gains.groupby(["method", "seed"], sort=False).mean().unstack("seed")


def in_words(gains: pd.DataFrame) -> pd.Series:
    """Mean and standard error of each line, in points."""
    return pd.Series({name: spread(of.dropna(), "+") for name, of in gains.iterrows()}, dtype=object)


def apart(streams: pd.DataFrame, first: str, second: str) -> pd.Series:
    """By how much the first method gains more on each stream of both, a share."""
    pairs = streams.pivot(index=["title", "corruption", "seed"], columns="method", values="gain")
    return (pairs[first] - pairs[second]).dropna()


def beyond(streams: pd.DataFrame, first: str, second: str) -> pd.Series:
    """The same, seed by seed: a seed's streams share images, and seeds alone are units of their own."""
    return apart(streams, first, second).groupby("seed").mean()


def compared(ranked: pd.DataFrame) -> pd.DataFrame:
    """Those that saw as many images as any: they alone can be compared."""
    return ranked[ranked.images == ranked.images.max()]


def lead(streams: pd.DataFrame, ranked: pd.DataFrame, first: str, second: str) -> str:
    """By how much, on how many streams and at what cost the first is ahead of the second."""
    more = apart(streams, first, second)
    words = f"{METHODS[second].label} by {interval_words(more.groupby('seed').mean())}"
    words += f", on {100 * (more > 0).mean():.0f} % of the {len(more)}"
    if ranked.machine[first] != ranked.machine[second]:
        return words
    return f"{words}, at {ranked.seconds[first] / ranked.seconds[second]:.1f} times its time"


def winners(streams: pd.DataFrame, ranked: pd.DataFrame) -> str:
    """Who gains most, by how much more than the next and than those that can't be told from it; who is ahead of it on
    a table; who can't be compared, and who loses."""
    first, *rest = compared(ranked).index
    label = METHODS[first].label
    words = [f"{label} gains most, {ranked.words[first]} points."]
    level = [name for name in rest if not is_told(beyond(streams, first, name))]
    # The next one, those that can't be told from it and, wherever they stand, TENT with its regulariser.
    if near := dict.fromkeys([*rest[:1], *level, *({"tent-reg"} & {*rest})]):
        ahead = and_(lead(streams, ranked, first, name) for name in near)
        words.append(f"On the same streams it is ahead of {ahead}.")
    if level:
        words.append(f"{and_(METHODS[name].label for name in level)} can't be told from it.")
    better = []
    for title, of_table in streams.groupby("title", sort=False):
        more = {name: beyond(of_table, name, first) for name in rest}
        told = [name for name, values in more.items() if values.mean() > 0 and is_told(values)]
        if best := max(told, key=lambda name, more=more: more[name].mean(), default=None):
            better.append(f"{METHODS[best].label} on {title} by {interval_words(more[best])}")
    nobody = f"On no table can another method be told to be ahead of {label}."
    words.append(f"Ahead of {label}: {and_(better)}." if better else nobody)
    named = ranked.label + " (" + ranked.words + ")"
    if few := named[(ranked.images < ranked.images[first]) & (ranked.gain >= ranked.gain[first] / 2)].tolist():
        words.append(f"{and_(few)} saw fewer images: not compared.")
    if losing := [named[name] for name, one in measured(ranked).items() if one.told < 0]:
        words.append(f"{and_(losing)} end{'s' if len(losing) == 1 else ''} below zero-shot.")
    return " ".join(words)


def held_out(names: Iterable[str]) -> str:
    """What methods gained where their rates were chosen; empty where there are none."""
    gains = [f"{METHODS[name].label} {chosen()[name].gain:+.1f}" for name in names if name in chosen()]
    return f"On the corruptions held out for the choice of rates: {', '.join(gains)}." if gains else ""


def measured(ranked: pd.DataFrame) -> dict[str, Measured]:
    """What the page tells of each method, to be rounded where it is shown."""
    return {
        name: Measured(100 * one.gain, 100 * one.margin, one.images, round(1000 * one.seconds, 2))
        for name, one in ranked.iterrows()
    }


def ranking_table(ranked: pd.DataFrame) -> pd.DataFrame:
    """One line a method, in words: gain, the worst case, collapses, calibration, cost."""
    return pd.DataFrame(
        {
            "method": ranked.label,
            "gain": ranked.words,
            f"where zero-shot reads < {100 * LITTLE:.0f} %": ranked.lost,
            f"where zero-shot reads ≥ {100 * MUCH:.0f} %": ranked.read,
            "worst": ranked.worst,
            "collapses": ranked.collapsed.map(str) + " of " + ranked.streams.map(str),
            "calibration error": [
                f"{100 * own:.1f} (before {100 * before:.1f})"
                for own, before in zip(ranked.calibration, ranked.calibration_before, strict=True)
            ],
            "ms per image": [f"{1000 * seconds:.1f}" for seconds in ranked.seconds],
            "remembers": [f"{kept / 2**20:.1f} MB" if kept else "nothing" for kept in ranked.kept],
            "images": ranked.images,
        }
    )


def gains_table(streams: pd.DataFrame) -> pd.DataFrame:
    """Gains of every method on each table, in words, the one that gains most on its tables first."""
    words = {title: in_words(by_seed(of_table)) for title, of_table in streams.groupby("title", sort=False)}
    order = by_seed(streams).mean(axis=1).sort_values(ascending=False, kind="stable").index
    most = streams.groupby("method").images.max()
    labels = [METHODS[name].label + "*" * bool(most[name] < most.max()) for name in order]
    return pd.DataFrame({"method": labels} | {t: of.reindex(order).fillna("") for t, of in words.items()}, index=order)


def ranking_page(streams: pd.DataFrame) -> str:
    """All groups as Markdown."""
    tent = (
        f"TENT runs here at {chosen()['tent'].rate:g} of the usual rate, {chosen()['tent'].steps} step a batch. With "
        "one setting for all methods it ends below zero-shot: [by how much](../measured.md#streams)."
    )
    parts = ["# All methods", *INTRODUCTION, tent, machines(streams[streams.table.isin(RANKED)])]
    for group, title in TITLES.items():
        found = group_of(streams, group)
        if found.empty:
            continue
        parts.append(f"## {title}")
        ranked = ranking(found)
        if not ranked.empty:
            out = held_out(compared(ranked).index[:2]) if group == "corruptions" else ""
            parts += [f"{winners(found, ranked)} {out}".strip(), markdown(ranking_table(ranked))]
        parts.append(markdown(gains_table(found)))
    return "\n\n".join(filter(None, parts)) + "\n"


def machines(streams: pd.DataFrame) -> str:
    """What the streams ran on, the commonest first; empty where there are none."""
    commonest, *others = [*streams.machine.value_counts().index] or [""]
    words = [commonest]
    for other in others:
        labels = [METHODS[name].label for name in streams[streams.machine == other].method.value_counts().index]
        words.append(f"{other}: {and_(labels)}")
    apart = " Times on different machines don't compare." if others else ""
    return f"Measured on: {'; '.join(words)}.{apart}" if commonest else ""


def readme(streams: pd.DataFrame) -> str:
    """What the README says: who gains most, the :data:`SHOWN` methods that do, TENT among them, and two sentences."""
    found = group_of(streams, "corruptions")
    ranked = ranking(found)
    tent = [name for name in ranked.index[SHOWN:] if name == "tent"]
    shown = ranking_table(ranked.loc[[*ranked.index[: SHOWN - len(tent)], *tent]])
    first, second = compared(ranked).index[:2]
    most = f"{METHODS[first].label} gains most: {100 * ranked.gain[first]:+.1f} points of accuracy over zero-shot."
    opening = f"**{most}** Of {len(ranked)} methods, each at the rate that suits it, {len(shown)}:"
    words = f"On the same streams {METHODS[first].label} is ahead of {lead(found, ranked, first, second)}"
    photographs = group_of(streams, "photographs")
    if {first, second} <= {*photographs.method}:
        words += f"; with Tiny ImageNet's 200 classes by {interval_words(beyond(photographs, first, second))}"
    columns = dict(
        zip(shown.columns, ("method", "points gained", "where much is wrong", "where little is"), strict=False)
    )
    columns |= {"collapses": "streams that collapse", "ms per image": "ms an image"}
    return f"{opening}\n\n{markdown(shown[[*columns]].rename(columns=columns))}\n\n{words}. {README}"


def and_(words: Iterable[str]) -> str:
    """Words as a list."""
    *most, last = words
    return " and ".join(filter(None, [", ".join(most), last]))
