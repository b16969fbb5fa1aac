"""The work of the ``ablation`` command: which term of CLIPTTA's loss does what."""

import argparse
import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cliptta_demo.backend.corruptions import EXTRA_CORRUPTIONS
from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research.commands import ABLATED
from cliptta_demo.research.runs import ZERO_SHOT, TableSettings, gains_of, run_here
from cliptta_demo.research.text import LEVEL, STREAM, in_points, is_told, margin_of, markdown

REPORTED = ("gaussian_noise", "glass_blur", "contrast")  # a noise, a blur, and one of the others
SEEDS = (0, 1, 2, 3, 4)
RATES = (1.0, 3.0, 10.0)  # as shares of the built-in model's
LOW_RATES = (0.3, 1.0, 3.0)  # without the regulariser, which more would be too much for
TERMS = ["objective", "regulariser", "memory"]


class Terms(NamedTuple):
    """Which terms a loss has: "contrastive", "entropy" or "none", regulariser, memory."""

    objective: str
    regulariser: int = 0
    memory: int = 0


BARE = Terms("entropy")  # TENT
PULLED = Terms("entropy", regulariser=1)  # TENT + regulariser
CONTRAST = Terms("contrastive", regulariser=1)
WHOLE = Terms("contrastive", regulariser=1, memory=1)  # CLIPTTA
METHODS = {BARE: "tent", PULLED: "tent-reg", WHOLE: "cliptta"}
SHOWN = (BARE, PULLED, Terms("contrastive"), CONTRAST, WHOLE)  # by the page, whatever is switched on
COMBINATIONS = (
    Terms("none", regulariser=1),
    *(Terms(*terms) for terms in product(("entropy", "contrastive"), (0, 1), (0, 1))),
)
ADDED = {  # words → with, without
    "the regulariser, to entropy": (PULLED, BARE),
    "the contrast in place of entropy": (Terms("contrastive"), BARE),
    "the same, both with the regulariser": (CONTRAST, PULLED),
    "the regulariser, to the contrast": (CONTRAST, Terms("contrastive")),
    "entropy, to the regulariser": (PULLED, Terms("none", 1)),
    "the contrast, to the regulariser": (CONTRAST, Terms("none", 1)),
    "the memory, to both": (WHOLE, CONTRAST),
    "the memory, to entropy + regulariser": (Terms("entropy", 1, 1), PULLED),
    "all of CLIPTTA, against TENT + regulariser": (WHOLE, PULLED),
}


def rates_for(terms: Terms) -> tuple[float, ...]:
    """The rates that are tried."""
    return RATES if terms.regulariser else LOW_RATES


def variant(terms: Terms, rate: float, usual: AdaptationSettings) -> Variant:
    """Terms as a column of a table, at a share of the usual rate."""
    changes = {
        "cliptta.objective": terms.objective,
        "regulariser_weight": float(terms.regulariser),
        "memory_shots": usual.memory_shots * terms.memory,
        "learning_rate": rate * usual.learning_rate,
    }
    return Variant(f"{terms.objective}-{terms.regulariser}-{terms.memory}@{rate:g}", "", "cliptta", changes)


def run_ablation(arguments: argparse.Namespace) -> None:
    """The ``ablation`` command, its words checked."""
    outcomes = pd.concat([measure(name, arguments.out) for name in arguments.settings])
    page = ablation_page(outcomes)
    print(page)
    if arguments.record:
        (arguments.record / "ablation.md").write_text(page, encoding="utf-8")
        outcomes.to_csv(arguments.record / "ablation.csv", index=False, lineterminator="\n")


def measure(name: str, out: Path) -> pd.DataFrame:
    """Chooses a rate for each combination on the held-out corruptions, then runs it on the reported ones.

    Returns the lines of ``ablation.csv``: the setting in words; the terms, and the rate that was chosen, as a share of
    the model's own; the stream; accuracy, its own and zero-shot's on the same images; whether it ended in a collapse.
    """
    (dataset, _, size), (title, batches), backbone = name.rpartition("-"), ABLATED[name], load_backbone(TINY)
    tried = {(c, rate): variant(c, rate, backbone.info.adaptation) for c in COMBINATIONS for rate in rates_for(c)}
    stream = StreamSettings(severity=4, batch_size=int(size), batches=batches)
    table = TableSettings(dataset, (ZERO_SHOT, *tried.values()), EXTRA_CORRUPTIONS, SEEDS[:1], stream)
    means = gains_of(run_here(table, backbone, out / name / "held-out", f"{title}, held out: ").frame()).mean()
    best = {c: max(rates_for(c), key=lambda rate, c=c: (means[tried[c, rate].name], -rate)) for c in COMBINATIONS}
    columns = {tried[of].name: of for of in best.items()}
    chosen = (ZERO_SHOT, *(tried[of] for of in best.items()))
    table = TableSettings(dataset, chosen, REPORTED, SEEDS, replace(stream, severity=5))
    frame = run_here(table, backbone, out / name / "reported", f"{title}: ").frame()
    before = frame[frame.method == REFERENCE].set_index(STREAM).accuracy.round(5)
    found = frame[frame.method != REFERENCE].join(before.rename("before"), on=STREAM)
    found[[*TERMS, "rate"]] = [(*terms, rate) for terms, rate in found.method.map(columns)]
    found = found.round({"accuracy": 5}).assign(setting=title, collapsed=found.collapsed.astype(int))
    return found[["setting", *TERMS, "rate", *STREAM, "accuracy", "before", "collapsed"]].infer_objects()


def gains(outcomes: pd.DataFrame) -> pd.DataFrame:
    """(setting, terms) × seed: the mean gain over zero-shot under all corruptions, as a share."""
    own = outcomes.assign(gain=outcomes.accuracy - outcomes.before)
    return own.groupby(["setting", *TERMS, "seed"], sort=False).gain.mean().unstack("seed")


def added(outcomes: pd.DataFrame, with_it: Terms, without: Terms) -> pd.DataFrame:
    """Setting × seed: what the one has more than the other on the same streams, as a share."""
    found = gains(outcomes)
    one, other = (found.xs(tuple(terms), level=TERMS) for terms in (with_it, without))
    return (one - other).loc[outcomes.setting.unique()]


def ablation_page(outcomes: pd.DataFrame) -> str:
    """All of it as Markdown."""
    corruptions = ", ".join(sorted(outcomes.corruption.unique())).replace("_", " ")
    apart = {words: added(outcomes, *pair).apply(points, axis=1) for words, pair in ADDED.items()}
    parts = [
        "# Which term does what",
        "Written by `cliptta-demo ablation --record docs`. The built-in model; CLIPTTA's objective (contrastive), "
        "TENT's in its place (entropy) or none, with and without the regulariser and the memory of confident images. "
        "Entropy alone is TENT. Each combination has the learning rate that did best on the four held-out corruptions "
        "at severity 4, one seed; the steps on a batch are the page's three. Points of accuracy over zero-shot on the "
        f"same images, {corruptions} at severity 5, mean over {outcomes.seed.nunique()} seeds "
        f"± half of its {100 * LEVEL:.0f} % interval (Student's t). **Bold**: the interval leaves 0 out.",
        "## What each term adds",
        markdown(pd.DataFrame(apart).T.reset_index(names="added")),
        "## All combinations",
    ]
    for setting, own in outcomes.groupby("setting", sort=False):
        by = own.groupby(TERMS, sort=False)
        before = own.drop_duplicates(STREAM).before.mean()
        table = pd.DataFrame(
            {
                "rate": by.rate.first().map("{:g}".format),
                f"gain (zero-shot: {100 * before:.1f} %)": gains(own).loc[setting].apply(points, axis=1),
                "collapses": by.collapsed.sum().map(str) + " of " + by.size().map(str),
            },
            index=by.rate.first().index,
        ).reset_index()
        table[TERMS] = table[TERMS].replace({1: "on", 0: "–", "none": "–"})
        parts += [f"### {setting[0].upper()}{setting[1:]}", markdown(table)]
    return "\n\n".join(parts) + "\n"


def ablation_numbers(outcomes: pd.DataFrame) -> str:
    """What the page draws of it, as JSON text: stream → zero-shot's accuracy in per cent, seeds, rows.

    A row, in the order of :data:`SHOWN`: entropy, contrastive, regulariser and memory, 0 or 1, and the method that has
    just these; gain over zero-shot in points and half of its interval; how many runs collapsed; ``above``: whether
    it can be told to gain more than entropy alone, ``like``: whether it can't be told from all of CLIPTTA.
    """
    keys, found = {title: key for key, (title, _) in ABLATED.items()}, {}
    for setting, own in outcomes.groupby("setting", sort=False):
        by, each = own.groupby(TERMS, sort=False), gains(own).loc[setting]
        bare, whole = (each.loc[tuple(terms)] for terms in (BARE, WHOLE))

        def row(terms: Terms, by=by, each=each, bare=bare, whole=whole) -> dict[str, Any]:
            values = each.loc[tuple(terms)]
            return {
                **{name: int(terms.objective == name) for name in ("entropy", "contrastive")},
                "regulariser": terms.regulariser,
                "memory": terms.memory,
                "method": METHODS.get(terms, ""),
                "gain": round(100 * values.mean(), 4),
                "margin": round(100 * margin_of(values), 4),
                "collapsed": int(by.collapsed.sum()[terms]),
                "runs": int(by.size()[terms]),
                "above": is_told(values - bare) and bool(values.mean() > bare.mean()),
                "like": not is_told(values - whole),
            }

        before = round(100 * own.drop_duplicates(STREAM).before.mean(), 4)
        rows = [row(terms) for terms in (*SHOWN, *(terms for terms in COMBINATIONS if terms not in SHOWN))]
        found[keys[setting]] = {"before": before, "seeds": own.seed.nunique(), "rows": rows}
    return json.dumps(found).replace(" {", "\n {") + "\n"


def points(values: pd.Series) -> str:
    """Mean and half of its interval, in points; bold where it can be told from 0."""
    text = in_points(values.mean(), margin_of(values), "+")
    return f"**{text}**" if is_told(values) else text
