"""Lessons on what comes: strangers, another style."""

from __future__ import annotations

from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.claims.claim import Claim, lead, measure
from cliptta_demo.languages import say
from cliptta_demo.page.lessons.lesson import Change, Lesson, Told
from cliptta_demo.page.lessons.questions import Ends, Goes

STRANGERS = Lesson(
    key="strangers",
    title=say("Strangers in the stream"),
    changes={
        "corruption": "gaussian_noise",
        "severity": 3,
        "ood_share": 0.5,
        "methods": ["zero-shot", "cliptta", "cliptta-oce"],
    },
    asks=(
        Goes(
            say("Half of the images are flags. The AUROC of CLIPTTA + OCE …"),
            "cliptta-oce",
            0.01,
            measure="auroc",
            panel="scores",
        ),
    ),
    explains=(
        Told(
            text=say(
                "The two hills part: AUROC rises from zero-shot to CLIPTTA + OCE, which learns a threshold and "
                "adapts on what looks known."
            ),
            panel="scores",
        ),
    ),
    change=Change(
        text=say("And if strangers are rare?"),
        button=say("OOD share 0.1: run"),
        settings={"ood_share": 0.1},
        panel="scores",
    ),
    claims=(Claim(say("AUROC rises"), lead("cliptta-oce", name="auroc"), above=0),),
)

STYLE = Lesson(
    key="style",
    title=say("A style never seen"),
    changes={"dataset": "unseen-style", "corruption": "none", "class_names": ", ".join(picture_class_names())},
    asks=(
        Ends(say("Art in a style never seen in training. Where will zero-shot end?"), "zero-shot"),
        Goes(say("You know each picture at once. Will adapting help the model? CLIPTTA …"), "cliptta", 0.01),
    ),
    explains=(
        Told(
            text=say(
                "Zero-shot has lost accuracy although every picture is clear to you: a shift need not look like "
                "damage to be one."
            ),
            panel="gallery",
        ),
        Told(
            text=say(
                "CLIPTTA wins back a little of it, and TENT stays close to zero-shot: most images are named rightly "
                "without adapting."
            ),
            panel="accuracy",
        ),
    ),
    change=Change(
        text=say("And with noise on top of the style?"),
        button=say("Gaussian noise: run"),
        settings={"corruption": "gaussian_noise"},
    ),
    claims=(
        Claim(say("Zero-shot has lost accuracy"), measure("accuracy", "zero-shot"), below=0.92),
        Claim(say("CLIPTTA wins back a little of it"), lead("cliptta"), above=0, below=0.05),
        Claim(say("TENT stays close to zero-shot"), lead("tent"), above=-0.05, below=0.05),
    ),
)
