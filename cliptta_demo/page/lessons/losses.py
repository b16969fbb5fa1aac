"""Lessons on what a loss does to the model."""

from cliptta_demo.languages import Text
from cliptta_demo.page.lessons.lesson import Change, Claim, Lesson, Told, lead, measure
from cliptta_demo.page.lessons.questions import Ends, Goes, Lowest, Swallows

COLLAPSE = Lesson(
    key="collapse",
    title=Text("Who survives the noise?"),
    group="start",
    minutes=5,
    # Not the stream that the page opens with; in eight batches TENT does not fall with each seed.
    changes={"corruption": "gaussian_noise", "batches": 12},
    asks=(
        Lowest(
            Text("TENT makes each answer surer, CLIPTTA compares a batch's images. Which ends lowest?"),
            why=Text(
                "Nothing tells TENT which answers are right: it makes the wrong ones surer too. So its accuracy falls "
                "below zero-shot's."
            ),
        ),
        Swallows(
            Text("Which class will swallow most of TENT's answers?"),
            "tent",
            why=Text(
                "Zero-shot already leans to one class. Surer and surer, the largest crowd grows, until nearly all "
                "answers are that class, right or wrong: collapse."
            ),
        ),
        Ends(
            Text("CLIPTTA gets the same images, at the same rate. Where will it end?"),
            "cliptta",
            why=Text(
                "It climbs above zero-shot. It contrasts the images of a batch, and asks the batch to use all classes. "
                "With so few classes either does nearly as much as both."
            ),
        ),
    ),
    explains=(
        Told(
            "Full and pale squares count how often a class was said; above stands how many are in use. TENT's answers "
            "pile onto one class, CLIPTTA's spread over many.",
            "answers",
        ),
        Told(
            "The same as a curve: at the ceiling all classes are said alike, at 0 one alone. TENT's falls to the "
            "floor, CLIPTTA's stays near the ceiling.",
            "entropy",
        ),
    ),
    tries=(
        Change(
            Text("Is it the noise that TENT does not survive? Make it mild."),
            Text("Severity 1: run"),
            {"severity": 1},
            of="tent",
            falls=Text("Not the noise alone: under a mild one TENT falls too."),
            stays=Text("It was: under mild noise TENT does no harm that shows, and no good."),
            climbs=Text("It was: under mild noise most answers are right, and TENT makes those surer."),
        ),
        Change(
            Text("Or is it the haste? Learn at about a fifth of the rate."),
            Text("Learning rate 0.0003: run"),
            {"learning_rate": 3e-4},
            of="tent",
            falls=Text("No: at 0.0003, too, TENT ends below zero-shot."),
            stays=Text("In part: at 0.0003 TENT does no harm that shows. It gains nothing either."),
            climbs=Text("Yes: at 0.0003 TENT gains."),
        ),
    ),
    claims=(
        Claim(Text("its accuracy falls below zero-shot's"), lead("tent"), below=0),
        Claim(Text("Zero-shot already leans to one class"), measure("largest_share", "zero-shot"), above=0.15),
        Claim(Text("nearly all answers are that class"), measure("largest_share", "tent"), above=0.75),
        Claim(Text("It climbs above zero-shot"), lead("cliptta"), above=0),
        Claim(Text("TENT's answers pile onto one class"), measure("largest_share", "tent"), above=0.6),
        Claim(Text("CLIPTTA's spread over many"), measure("largest_share", "cliptta"), below=0.4),
        Claim(Text("TENT's falls to the floor"), measure("entropy_share", "tent"), below=0.35),
        Claim(Text("CLIPTTA's stays near the ceiling"), measure("entropy_share", "cliptta"), above=0.8),
    ),
)

PATIENCE = Lesson(
    key="patience",
    title=Text("Is TENT only in a hurry?"),
    group="start",
    minutes=4,
    changes={"learning_rate": 5e-5},
    asks=(
        Goes(
            Text("At a rate of 0.0014 TENT falls. At 0.00005, in steps 28 times smaller, it …"),
            "tent",
            0.05,
            why=Text(
                "In such small steps TENT no longer collapses, but CLIPTTA learns only a little: all three lines end "
                "close together."
            ),
        ),
    ),
    explains=(
        Told(
            "Dotted: the opening run, at 0.0014. The rate that lets CLIPTTA repair the model is one that TENT does "
            "not survive."
        ),
    ),
    tries=(
        Change(
            Text("Is there a rate in between, at which both learn?"),
            Text("Learning rate 0.0003: run"),
            {"learning_rate": 3e-4},
            of="tent",
            falls=Text("Not this one: at 0.0003 TENT already falls."),
            stays=Text("Not this one: at 0.0003 TENT gains nothing that shows."),
            climbs=Text("Yes: at 0.0003 TENT gains too."),
        ),
    ),
    claims=(
        Claim(Text("TENT no longer collapses"), measure("entropy_share", "tent"), above=0.5),
        Claim(Text("all three lines end close together"), lead("tent"), above=-0.05, below=0.05),
        Claim(Text("CLIPTTA learns only a little"), lead("cliptta"), above=-0.05, below=0.05),
    ),
    compare=Text("the opening run"),
)

BATCH = Lesson(
    key="batch",
    title=Text("Is a batch of four enough?"),
    group="limits",
    minutes=4,
    changes={"batch_size": 4, "batches": 24, "methods": ["zero-shot", "cliptta"]},
    asks=(
        Ends(
            Text("CLIPTTA compares a batch's images. With only four, where will it end?"),
            "cliptta",
            why=Text(
                "CLIPTTA still climbs above zero-shot: it compares the four with confident images too, which it "
                "remembers."
            ),
        ),
    ),
    explains=(),
    tries=(
        Change(
            Text("And without that memory, with nothing but four images to lean on?"),
            Text("Memory 0 shots: run"),
            {"memory_shots": 0},
            of="cliptta",
            falls=Text("Four images alone lead it astray: without its memory CLIPTTA falls."),
            stays=Text("Four images alone are too few: without its memory CLIPTTA gains nothing that shows."),
            climbs=Text("Four images tell something: CLIPTTA climbs without its memory too. Dotted: with it."),
        ),
    ),
    claims=(Claim(Text("CLIPTTA still climbs above zero-shot"), lead("cliptta"), above=0),),
)

CLEAN = Lesson(
    key="clean",
    title=Text("Is there always something to win?"),
    group="limits",
    minutes=3,
    changes={"corruption": "none"},
    asks=(
        Goes(
            Text("Clean images, like those that the model was trained on. CLIPTTA …"),
            "cliptta",
            0.02,
            why=Text(
                "There is nothing to win: zero-shot reads them almost without error. Three lines at the top: TENT and "
                "CLIPTTA change next to nothing."
            ),
        ),
    ),
    explains=(),
    tries=(
        Change(
            Text("And with twenty steps on each batch, in place of three?"),
            Text("20 steps: run"),
            {"steps": 20},
            of="cliptta",
            falls=Text("Too much of it does harm: with twenty steps CLIPTTA breaks what was right."),
            stays=Text("Still nothing that shows: where almost all is right, there is nothing to win."),
            climbs=Text("With twenty steps CLIPTTA repairs some of the few errors."),
        ),
    ),
    claims=(
        Claim(Text("zero-shot reads them almost without error"), measure("accuracy", "zero-shot"), above=0.95),
        Claim(Text("Three lines at the top"), lead("tent"), above=-0.02, below=0.02),
        Claim(Text("CLIPTTA change next to nothing"), lead("cliptta"), above=-0.02, below=0.02),
    ),
)

FAIR = Lesson(
    key="fair",
    title=Text("Is it the loss, or the regulariser?"),
    group="start",
    minutes=5,
    # Two that end close to each other take more images to tell so.
    changes={"methods": ["zero-shot", "tent", "tent-reg", "cliptta"], "batch_size": 64, "batches": 10},
    asks=(
        Goes(
            Text("TENT borrows CLIPTTA's regulariser: use all classes. At the same rate it …"),
            "tent-reg",
            0.05,
            why=Text("TENT + regulariser climbs above zero-shot: the pull towards all classes is what TENT lacked."),
        ),
        Ends(
            Text("Which leaves the contrastive loss to CLIPTTA alone. Where will it end?"),
            "cliptta",
            why=Text("TENT + regulariser ends close to CLIPTTA: with twelve classes the contrast adds little to it."),
        ),
    ),
    explains=(
        Told(
            "TENT by itself falls below zero-shot. In the scripts of CLIPTTA's authors it runs so, and at ten "
            "times CLIPTTA's rate.",
            "answers",
        ),
    ),
    tries=(
        Change(
            Text("And if all three run at ten times the rate?"),
            Text("Learning rate 0.014: run"),
            {"learning_rate": 0.014},
            of="cliptta",
            falls=Text("That is too much for CLIPTTA too."),
            stays=Text("That is too much for CLIPTTA to gain anything that shows."),
            climbs=Text("CLIPTTA bears ten times the rate. Dotted: at a tenth of it."),
        ),
    ),
    claims=(
        Claim(Text("climbs above zero-shot"), lead("tent-reg"), above=0.05),
        Claim(Text("ends close to CLIPTTA"), lead("tent-reg", "cliptta"), above=-0.05, below=0.05),
        Claim(Text("TENT by itself falls below zero-shot"), lead("tent"), below=0),
    ),
)
