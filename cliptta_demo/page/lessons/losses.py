"""Lessons on what a loss does to the model."""

from cliptta_demo.languages import Text
from cliptta_demo.page.lessons.lesson import Change, Claim, Lesson, Told, lead, measure
from cliptta_demo.page.lessons.questions import Ends, Goes, Lowest, Swallows

COLLAPSE = Lesson(
    key="collapse",
    title=Text("Watch TENT collapse"),
    group="start",
    minutes=5,
    changes={"corruption": "gaussian_noise", "batches": 12},  # with eight TENT does not fall with all seeds
    asks=(
        Lowest(Text("TENT makes each guess surer, right or wrong. Which curve ends lowest?")),
        Swallows(Text("Which class will swallow most of TENT's predictions?"), "tent"),
        Ends(Text("CLIPTTA sees the same images, at the same rate. Where will it end?"), "cliptta"),
    ),
    explains=(
        Told(
            "TENT's bars pile onto one class, its entropy falls to the floor and its accuracy below "
            "zero-shot's: each wrong guess feeds the next.",
            "answers",
        ),
        Told(
            "CLIPTTA's entropy stays near the ceiling, and its accuracy climbs above zero-shot's: it asks the "
            "batch to use all classes.",
            "entropy",
        ),
    ),
    tries=(
        Change(
            Text("Is it the noise that TENT does not survive? Make it milder."),
            Text("Severity 1: run"),
            {"severity": 1},
            of="tent",
        ),
    ),
    claims=(
        Claim(Text("TENT's bars pile onto one class"), measure("largest_share", "tent"), above=0.6),
        Claim(Text("its entropy falls to the floor"), measure("entropy_share", "tent"), below=0.35),
        Claim(Text("its accuracy below zero-shot's"), lead("tent"), below=0),
        Claim(Text("CLIPTTA's entropy stays near the ceiling"), measure("entropy_share", "cliptta"), above=0.85),
        Claim(Text("its accuracy climbs above zero-shot's"), lead("cliptta"), above=0),
    ),
)

PATIENCE = Lesson(
    key="patience",
    title=Text("Small steps for TENT"),
    group="start",
    minutes=4,
    changes={"learning_rate": 5e-5},
    asks=(Goes(Text("Is TENT just badly tuned? At a learning rate of 0.00005 it …"), "tent", 0.05),),
    explains=(
        Told("TENT is careful: it no longer collapses. All three curves close together: CLIPTTA learns only a little."),
        Told(
            "Compare with the dotted curves of the first lesson: the rate that lets CLIPTTA repair the model "
            "is one that TENT does not survive."
        ),
    ),
    tries=(
        Change(
            Text("Is there a rate in between, at which both learn?"),
            Text("Learning rate 0.0003: run"),
            {"learning_rate": 3e-4},
            of="tent",
        ),
    ),
    claims=(
        Claim(Text("it no longer collapses"), measure("entropy_share", "tent"), above=0.5),
        Claim(Text("All three curves close together"), lead("tent"), above=-0.05, below=0.05),
        Claim(Text("CLIPTTA learns only a little"), lead("cliptta"), above=-0.05, below=0.05),
    ),
    compare="collapse",
)

BATCH = Lesson(
    key="batch",
    title=Text("Why the batch matters"),
    group="limits",
    minutes=4,
    changes={"batch_size": 4, "batches": 24, "methods": ["zero-shot", "cliptta"]},
    asks=(Ends(Text("CLIPTTA compares a batch's images. With only four, where will it end?"), "cliptta"),),
    explains=(
        Told("CLIPTTA still climbs above zero-shot: beside the four images stands its memory of confident ones."),
    ),
    tries=(
        Change(
            Text("And without the memory, with nothing but four images to lean on?"),
            Text("Memory 0 shots: run"),
            {"memory_shots": 0},
            of="cliptta",
        ),
    ),
    claims=(Claim(Text("CLIPTTA still climbs above zero-shot"), lead("cliptta"), above=0),),
)

CLEAN = Lesson(
    key="clean",
    title=Text("Nothing to repair"),
    group="limits",
    minutes=3,
    changes={"corruption": "none"},
    asks=(Goes(Text("Clean images: there is hardly anything to repair. CLIPTTA …"), "cliptta", 0.02),),
    explains=(
        Told(
            "There is nothing to win: zero-shot reads them almost without error. Three curves at the top; "
            "TENT and CLIPTTA change next to nothing."
        ),
    ),
    tries=(
        Change(
            Text("And with twenty steps on each batch, in place of three?"),
            Text("20 steps: run"),
            {"steps": 20},
            of="cliptta",
        ),
    ),
    claims=(
        Claim(Text("zero-shot reads them almost without error"), measure("accuracy", "zero-shot"), above=0.95),
        Claim(Text("Three curves at the top"), lead("tent"), above=-0.02, below=0.02),
        Claim(Text("CLIPTTA change next to nothing"), lead("cliptta"), above=-0.02, below=0.02),
    ),
)

FAIR = Lesson(
    key="fair",
    title=Text("A fair fight"),
    group="start",
    minutes=5,
    # Two that end close to each other take more images to tell so.
    changes={"methods": ["zero-shot", "tent", "tent-reg", "cliptta"], "batch_size": 64, "batches": 10},
    asks=(
        Goes(Text("TENT gets CLIPTTA's regulariser too, at the same rate. Then it …"), "tent-reg", 0.05),
        Ends(Text("Which leaves the contrastive loss to CLIPTTA alone. Where will it end?"), "cliptta"),
    ),
    explains=(
        Told(
            "TENT + regulariser climbs above zero-shot and ends close to CLIPTTA: the pull towards all classes is "
            "what TENT lacked."
        ),
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
        ),
    ),
    claims=(
        Claim(Text("climbs above zero-shot"), lead("tent-reg"), above=0.05),
        Claim(Text("ends close to CLIPTTA"), lead("tent-reg", "cliptta"), above=-0.05, below=0.05),
        Claim(Text("TENT by itself falls below zero-shot"), lead("tent"), below=0),
    ),
)
