"""Lessons on what comes: strangers, another style, shifts after one another, classes in runs."""

from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.languages import Text
from cliptta_demo.page.lessons.lesson import Change, Claim, Lesson, Told, lead, measure
from cliptta_demo.page.lessons.questions import Ends, Goes, Lowest

STRANGERS = Lesson(
    key="strangers",
    title=Text("Strangers in the stream"),
    group="streams",
    minutes=4,
    changes={
        "corruption": "gaussian_noise",
        "severity": 3,
        "ood_share": 0.5,
        "batch_size": 64,  # OCE learns its threshold from what comes: of fewer images CLIPTTA alone does as well
        "batches": 10,
        "methods": ["zero-shot", "cliptta", "cliptta-oce"],
    },
    asks=(
        Goes(
            Text("Half of the images are flags. The AUROC of CLIPTTA + OCE …"),
            "cliptta-oce",
            0.01,
            measure="auroc",
            panel="scores",
        ),
    ),
    explains=(
        Told(
            "The two hills part: AUROC rises from zero-shot to CLIPTTA + OCE, which learns a threshold and "
            "adapts on what looks known.",
            "scores",
        ),
    ),
    tries=(
        Change(
            Text("And if strangers are rare?"),
            Text("OOD share 0.1: run"),
            {"ood_share": 0.1},
            "scores",
            of="cliptta-oce",
            measure="auroc",
        ),
    ),
    claims=(Claim(Text("AUROC rises"), lead("cliptta-oce", name="auroc"), above=0),),
)

STYLE = Lesson(
    key="style",
    title=Text("A style never seen"),
    group="limits",
    minutes=4,
    changes={
        "dataset": "unseen-style",
        "corruption": "none",
        "class_names": ", ".join(picture_class_names()),
        "batch_size": 64,  # a little is won back of all these classes: with fewer images noise hides it
        "batches": 10,
    },
    asks=(
        Ends(Text("Art in a style never seen in training. Where will zero-shot end?"), "zero-shot"),
        Goes(Text("You know each picture at once. Will adapting help the model? CLIPTTA …"), "cliptta", 0.01),
    ),
    explains=(
        Told(
            "Zero-shot has lost accuracy although every picture is clear to you: a shift need not look like "
            "damage to be one.",
            "gallery",
        ),
        Told(
            "CLIPTTA wins back a little of it, and TENT stays close to zero-shot: most images are named rightly "
            "without adapting."
        ),
    ),
    tries=(
        Change(
            Text("And with noise on top of the style?"),
            Text("Gaussian noise: run"),
            {"corruption": "gaussian_noise"},
            of="cliptta",
        ),
    ),
    claims=(
        Claim(Text("Zero-shot has lost accuracy"), measure("accuracy", "zero-shot"), below=0.92),
        Claim(Text("CLIPTTA wins back a little of it"), lead("cliptta"), above=0, below=0.05),
        Claim(Text("TENT stays close to zero-shot"), lead("tent"), above=-0.05, below=0.05),
    ),
)

TURNS = Lesson(
    key="turns",
    title=Text("Shift after shift"),
    group="streams",
    minutes=6,
    changes={
        "severity": 5,
        "schedule": "continual",
        "shift_batches": 4,
        "batch_size": 64,  # with fewer images TENT comes through the noises with some seeds
        "batches": 28,
        "methods": ["zero-shot", "tent", "sar", "cliptta"],
    },
    asks=(
        Lowest(Text("Seven shifts in a row, and nobody resets. Which curve ends lowest?")),
        Ends(Text("What it learnt on one shift goes along. Where will CLIPTTA end?"), "cliptta"),
    ),
    explains=(
        Told(
            "TENT falls below zero-shot. Below the strip stands what each method read under each shift: look at "
            "the noises, which come first."
        ),
        Told("CLIPTTA carries what it learnt from shift to shift, and ends above zero-shot."),
        Told(
            "SAR leaves out unsure images and starts anew when it goes astray: here it gains nothing on zero-shot.",
            "entropy",
        ),
    ),
    tries=(
        Change(
            Text("And if each shift passes twice as fast?"),
            Text("2 batches a shift: run"),
            {"shift_batches": 2},
            of="cliptta",
        ),
    ),
    claims=(
        Claim(Text("TENT falls below zero-shot"), lead("tent"), below=0),
        Claim(Text("ends above zero-shot"), lead("cliptta"), above=0),
        Claim(Text("it gains nothing on zero-shot"), lead("sar"), below=0.01),
    ),
)

RUNS = Lesson(
    key="runs",
    title=Text("The same thing for a while"),
    group="streams",
    minutes=4,
    changes={"order": "rotta", "batch_size": 64, "batches": 10},
    asks=(
        Ends(Text("A batch of one or two classes, then of others. Where does CLIPTTA end?"), "cliptta"),
        Goes(Text("Batches that look alike. TENT …"), "tent", 0.02),
    ),
    explains=(
        Told(
            "CLIPTTA still ends above zero-shot: beside a batch that lacks most classes its memory shows it the others."
        ),
        Told(
            "TENT ends below zero-shot. The bars show where its answers have gone, the dashes where they belong.",
            "answers",
        ),
    ),
    tries=(
        Change(
            Text("And if the same images come in any order?"),
            Text("Shuffled: run"),
            {"order": "shuffled"},
            of="cliptta",
        ),
    ),
    claims=(
        Claim(Text("CLIPTTA still ends above zero-shot"), lead("cliptta"), above=0),
        Claim(Text("TENT ends below zero-shot"), lead("tent"), below=0),
    ),
)
