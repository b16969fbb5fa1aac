"""Lessons on what a loss does to the model."""

from __future__ import annotations

from cliptta_demo.languages import say
from cliptta_demo.page.lessons.claim import Claim, lead, measure
from cliptta_demo.page.lessons.lesson import Change, Lesson, Told
from cliptta_demo.page.lessons.questions import Ends, Goes, Lowest, Swallows

COLLAPSE = Lesson(
    key="collapse",
    title=say("Watch TENT collapse"),
    changes={},
    asks=(
        Lowest(say("TENT makes each guess surer, right or wrong. Which curve ends lowest?")),
        Swallows(say("Which class will swallow most of TENT's predictions?"), "tent"),
        Ends(say("CLIPTTA sees the same images, at the same rate. Where will it end?"), "cliptta"),
    ),
    explains=(
        Told(
            text=say(
                "TENT's bars pile onto one class, its entropy falls to the floor and its accuracy below "
                "zero-shot's: each wrong guess feeds the next."
            ),
            panel="histogram",
        ),
        Told(
            text=say(
                "CLIPTTA's entropy stays near the ceiling, and its accuracy climbs above zero-shot's: it asks the "
                "batch to use all classes."
            ),
            panel="entropy",
        ),
    ),
    change=Change(
        text=say("Is it the noise that TENT does not survive? Make it milder."),
        button=say("Severity 1: run"),
        settings={"severity": 1},
    ),
    claims=(
        Claim(say("TENT's bars pile onto one class"), measure("largest_share", "tent"), above=0.6),
        Claim(say("its entropy falls to the floor"), measure("entropy_share", "tent"), below=0.35),
        Claim(say("its accuracy below zero-shot's"), lead("tent"), below=0),
        Claim(say("CLIPTTA's entropy stays near the ceiling"), measure("entropy_share", "cliptta"), above=0.85),
        Claim(say("its accuracy climbs above zero-shot's"), lead("cliptta"), above=0),
    ),
)

PATIENCE = Lesson(
    key="patience",
    title=say("Small steps for TENT"),
    changes={"learning_rate": 5e-5},
    asks=(Goes(say("Is TENT just badly tuned? At a learning rate of 0.00005 it …"), "tent", 0.05),),
    explains=(
        Told(
            text=say(
                "TENT is careful: it no longer collapses. All three curves close together: CLIPTTA learns only a "
                "little."
            ),
            panel="accuracy",
        ),
        Told(
            text=say(
                "Compare with the dotted curves of the first lesson: the rate that lets CLIPTTA repair the model "
                "is one that TENT does not survive."
            ),
            panel="accuracy",
        ),
    ),
    change=Change(
        text=say("Is there a rate in between, at which both learn?"),
        button=say("Learning rate 0.0003: run"),
        settings={"learning_rate": 3e-4},
    ),
    claims=(
        Claim(say("it no longer collapses"), measure("entropy_share", "tent"), above=0.5),
        Claim(say("All three curves close together"), lead("tent"), above=-0.05, below=0.05),
        Claim(say("CLIPTTA learns only a little"), lead("cliptta"), above=-0.05, below=0.05),
    ),
    compare="collapse",
)

BATCH = Lesson(
    key="batch",
    title=say("Why the batch matters"),
    changes={"batch_size": 4, "batches": 24, "methods": ["zero-shot", "cliptta"]},
    asks=(Ends(say("CLIPTTA compares a batch's images. With only four, where will it end?"), "cliptta"),),
    explains=(
        Told(
            text=say(
                "CLIPTTA still climbs above zero-shot: beside the four images stands its memory of confident ones."
            ),
            panel="accuracy",
        ),
    ),
    change=Change(
        text=say("And without the memory, with nothing but four images to lean on?"),
        button=say("Memory 0 shots: run"),
        settings={"memory_shots": 0},
    ),
    claims=(Claim(say("CLIPTTA still climbs above zero-shot"), lead("cliptta"), above=0),),
)

CLEAN = Lesson(
    key="clean",
    title=say("Nothing to repair"),
    changes={"corruption": "none"},
    asks=(
        Goes(
            say("Clean images: there is hardly anything to repair. CLIPTTA …"),
            "cliptta",
            0.02,
        ),
    ),
    explains=(
        Told(
            text=say(
                "There is nothing to win: zero-shot reads them almost without error. Three curves at the top; "
                "TENT and CLIPTTA change next to nothing."
            ),
            panel="accuracy",
        ),
    ),
    change=Change(
        text=say("And with twenty steps on each batch, in place of three?"),
        button=say("20 steps: run"),
        settings={"steps": 20},
    ),
    claims=(
        Claim(say("zero-shot reads them almost without error"), measure("accuracy", "zero-shot"), above=0.95),
        Claim(say("Three curves at the top"), lead("tent"), above=-0.02, below=0.02),
        Claim(say("CLIPTTA change next to nothing"), lead("cliptta"), above=-0.02, below=0.02),
    ),
)

FAIR = Lesson(
    key="fair",
    title=say("A fair fight"),
    # Two that end close to each other take more images to tell so.
    changes={"methods": ["zero-shot", "tent", "tent-reg", "cliptta"], "batch_size": 64, "batches": 10},
    asks=(
        Goes(say("TENT gets CLIPTTA's regulariser too, at the same rate. Then it …"), "tent-reg", 0.05),
        Ends(say("Which leaves the contrastive loss to CLIPTTA alone. Where will it end?"), "cliptta"),
    ),
    explains=(
        Told(
            text=say(
                "TENT + regulariser climbs above zero-shot and ends close to CLIPTTA: the pull towards all classes is "
                "what TENT lacked."
            ),
            panel="accuracy",
        ),
        Told(
            text=say(
                "TENT by itself falls below zero-shot. In the scripts of CLIPTTA's authors it runs so, and at ten "
                "times CLIPTTA's rate."
            ),
            panel="histogram",
        ),
    ),
    change=Change(
        text=say("And if all three run at ten times the rate?"),
        button=say("Learning rate 0.014: run"),
        settings={"learning_rate": 0.014},
    ),
    claims=(
        Claim(say("climbs above zero-shot"), lead("tent-reg"), above=0.05),
        Claim(say("ends close to CLIPTTA"), lead("tent-reg", "cliptta"), above=-0.05, below=0.05),
        Claim(say("TENT by itself falls below zero-shot"), lead("tent"), below=0),
    ),
)
