"""Lessons on what comes: strangers, another style, shifts after one another, classes in runs."""

from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.languages import Text
from cliptta_demo.page.lessons.lesson import Change, Claim, Lesson, Told, lead, measure
from cliptta_demo.page.lessons.questions import Ends, Goes, Lowest

STRANGERS = Lesson(
    key="strangers",
    title=Text("Who knows a stranger?"),
    group="streams",
    minutes=5,
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
            Text("Half of the images are flags. How well does CLIPTTA tell them apart? Its AUROC …"),
            "cliptta",
            0.01,
            measure="auroc",
            panel="scores",
            why=Text(
                "AUROC rises from zero-shot to CLIPTTA: the score says how familiar an image looks, and those that "
                "it has learnt to read look more familiar than flags."
            ),
        ),
    ),
    explains=(
        Told(
            "AUROC: how often a known image scores above a stranger. 50 % is chance, 100 % never wrong: then the two "
            "hills stand apart.",
            "scores",
        ),
        Told(
            "FPR95: let 95 % of the known images in, and so many of the strangers get in with them. 0 % would be none.",
            "scores",
        ),
        Told(
            "OCE (outlier contrastive exposure) pushes the hills apart at the dashed line, and adapts on what is "
            "beyond it. CLIPTTA does nearly as well without.",
            "scores",
        ),
    ),
    tries=(
        Change(
            Text("And if strangers are rare, is OCE worth it?"),
            Text("OOD share 0.1: run"),
            {"ood_share": 0.1},
            "scores",
            of="cliptta-oce",
            against="cliptta",
            measure="auroc",
            falls=Text("No: of few strangers OCE lets more pass than CLIPTTA alone."),
            stays=Text("No: of few strangers OCE knows no more than CLIPTTA alone."),
            climbs=Text("Yes: of few strangers too OCE knows more than CLIPTTA alone."),
        ),
    ),
    claims=(
        Claim(Text("AUROC rises from zero-shot to CLIPTTA"), lead("cliptta", name="auroc"), above=0),
        Claim(
            Text("CLIPTTA does nearly as well without"),
            lead("cliptta-oce", "cliptta", name="auroc"),
            above=-0.03,
            below=0.03,
        ),
    ),
)

STYLE = Lesson(
    key="style",
    title=Text("Must a shift look like damage?"),
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
        Ends(
            Text("Art in a style never seen in training. Where will zero-shot end?"),
            "zero-shot",
            why=Text(
                "Zero-shot has lost accuracy although every picture is clear to you: a shift need not look like "
                "damage to be one."
            ),
        ),
        Goes(
            Text("You know each picture at once. Will adapting help the model? CLIPTTA …"),
            "cliptta",
            0.01,
            why=Text(
                "CLIPTTA wins back a little of it, and TENT stays close to zero-shot: most images are named rightly "
                "without adapting."
            ),
        ),
    ),
    explains=(),
    tries=(
        Change(
            Text("And with noise on top of the style?"),
            Text("Gaussian noise: run"),
            {"corruption": "gaussian_noise"},
            of="cliptta",
            falls=Text("Noise and style together are too much: CLIPTTA falls."),
            stays=Text("Noise and style together: CLIPTTA gains nothing that shows."),
            climbs=Text("Noise is damage that adapting can repair: CLIPTTA climbs."),
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
    title=Text("Does TENT come back at a new shift?"),
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
        Lowest(
            Text("Seven shifts in a row, three noises first, and nobody resets. Which ends lowest?"),
            panel="accuracy strip",
            why=Text("TENT falls below zero-shot: under the noises, the first twelve batches, its answers collapse."),
        ),
        Ends(
            Text("What CLIPTTA learnt on one shift goes along. Where will it end?"),
            "cliptta",
            panel="accuracy strip",
            why=Text("It carries that from shift to shift, and ends above zero-shot."),
        ),
    ),
    explains=(
        Told(
            "With batch 13 the noises end and blur begins, and TENT's answers spread again. Nothing was reset: the new "
            "shift alone did it.",
            "strip entropy",
        ),
        Told(
            "Why? The weights that it has learnt send noisy images to one class, and those alone: the same weights "
            "still read an image without noise.",
            "strip accuracy",
        ),
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
            "accuracy strip",
            of="cliptta",
            falls=Text("Too fast for CLIPTTA: it falls."),
            stays=Text("Too fast for CLIPTTA to gain anything that shows."),
            climbs=Text("CLIPTTA climbs with two batches for each shift too."),
        ),
    ),
    claims=(
        Claim(Text("TENT falls below zero-shot"), lead("tent"), below=0),
        Claim(Text("ends above zero-shot"), lead("cliptta"), above=0),
        Claim(Text("TENT's answers spread again"), measure("entropy_share", "tent"), above=0.4),
        Claim(Text("it gains nothing on zero-shot"), lead("sar"), below=0.01),
    ),
)

RUNS = Lesson(
    key="runs",
    title=Text("What if one class comes for a while?"),
    group="streams",
    minutes=4,
    changes={"order": "rotta", "batch_size": 64, "batches": 10},
    asks=(
        Ends(
            Text("A batch of one or two classes, then of others. Where does CLIPTTA end?"),
            "cliptta",
            why=Text(
                "CLIPTTA still ends above zero-shot: where a batch lacks most classes, its memory shows it the others."
            ),
        ),
        Goes(
            Text("Batches that look alike. TENT …"),
            "tent",
            0.02,
            why=Text("TENT ends below zero-shot: what a batch has most of, it makes surer, and the rest with it."),
        ),
    ),
    explains=(
        Told(
            "Each row of the strip is a class, dark where it comes. The bars are where the answers went.",
            "strip answers",
        ),
    ),
    tries=(
        Change(
            Text("And if the same images come in any order?"),
            Text("Shuffled: run"),
            {"order": "shuffled"},
            of="cliptta",
            falls=Text("In any order CLIPTTA falls."),
            stays=Text("In any order CLIPTTA gains nothing that shows."),
            climbs=Text("CLIPTTA climbs in any order. Dotted: class by class."),
        ),
    ),
    claims=(
        Claim(Text("CLIPTTA still ends above zero-shot"), lead("cliptta"), above=0),
        Claim(Text("TENT ends below zero-shot"), lead("tent"), below=0),
    ),
)

PACE = Lesson(
    key="pace",
    title=Text("What if images do not wait?"),
    group="streams",
    minutes=4,
    changes={
        "pace": 5,  # between the times recorded of TENT + regulariser and of CLIPTTA, with batches of 64
        "batch_size": 64,
        "batches": 10,
        "methods": ["zero-shot", "tent-reg", "cliptta", "tpt"],
    },
    asks=(
        Ends(
            Text("An image every 5 ms, and CLIPTTA takes a little longer. Where will it end?"),
            "cliptta",
            why=Text(
                "CLIPTTA misses every second batch and ends below TENT + regulariser, which does less for each image "
                "and misses none."
            ),
        ),
        Goes(
            Text("TPT takes many times as long, and misses most batches. TPT …"),
            "tpt",
            0.02,
            why=Text(
                "TPT stays close to zero-shot: it forgets each image, so that a missed one costs the next nothing."
            ),
        ),
    ),
    explains=(
        Told(
            "Hollow: a batch that came while the method was busy. It answers with what it had learnt by then, and "
            "learns nothing from it.",
        ),
        Told(
            "What counts is the time recorded for each method, not this machine's: with one seed the run is the same "
            "everywhere.",
        ),
    ),
    tries=(
        Change(
            Text("And if the stream waits for each of them?"),
            Text("Pace 0: run"),
            {"pace": 0},
            of="cliptta",
            against="tent-reg",
            falls=Text("Waited for too, CLIPTTA ends below TENT + regulariser."),
            stays=Text("Waited for, CLIPTTA does as well as TENT + regulariser."),
            climbs=Text("Waited for, CLIPTTA ends above TENT + regulariser."),
        ),
    ),
    claims=(
        Claim(Text("ends below TENT + regulariser"), lead("cliptta", "tent-reg"), below=0),
        Claim(Text("TPT stays close to zero-shot"), lead("tpt"), above=-0.02, below=0.02),
    ),
)
