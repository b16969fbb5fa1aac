"""What the README, docs/measured.md and the model card claim, and the tables behind it.

A test holds each sentence to its document, and each document to have no other sentence that compares methods.
"""

from cliptta_demo.page.lessons.lesson import Claim, lead, measure
from cliptta_demo.research.studies import Study, table_study

_SIX = "airplane,automobile,ship,truck,horse,frog"  # of CIFAR-10's ten; the other four are the strangers
_FIVE = "gaussian_noise,glass_blur,frost,contrast,pixelate"  # of each of ImageNet-C's kinds one, and two digital ones
_SAMPLE = ("gaussian_noise", "frost", "contrast"), (0,)  # a noise, a weather, a digital one, with the first seed alone
_METHODS = "--methods zero-shot,tent,tent-regularised,cliptta"
_STRANGERS = f"--classes {_SIX} --ood others"

TABLES: dict[str, Study] = {
    study.name: study
    for study in (
        table_study("cifar10-5", f"--dataset cifar10 --severity 5 {_METHODS} --seeds 0,1,2", *_SAMPLE),
        table_study(
            "cifar10-clean",
            "--dataset cifar10 --corruptions none --methods zero-shot,tent,cliptta --seeds 0,1,2,3,4",
            ("none",),
            (0, 1),
        ),
        table_study(
            "cifar10-5-others",
            f"--dataset cifar10 --corruptions {_FIVE} --severity 5 {_STRANGERS} --seeds 0,1,2",
            *_SAMPLE,
        ),
    )
}

README: dict[str, tuple[Claim, ...]] = {
    "lesson-collapse": (
        Claim("TENT collapses", measure("collapsed", "tent"), above=0.5),
        Claim("CLIPTTA recovers", lead("cliptta"), above=0),
    ),
}
MEASURED: dict[str, tuple[Claim, ...]] = {
    "lesson-collapse": (
        Claim("TENT ends {} points below zero-shot", lead("zero-shot", "tent"), above=0),
        Claim("CLIPTTA {} points above it", lead("cliptta"), above=0),
    ),
    "lesson-strangers": (
        Claim(
            "OCE parts them better than zero-shot, by {} points of AUROC",
            lead("cliptta-oce", name="auroc"),
            above=0,
        ),
        Claim("OCE parts them better than CLIPTTA alone, by {}", lead("cliptta-oce", "cliptta", name="auroc"), above=0),
    ),
    "cifar10-5-others": (
        Claim("OCE is {} points of AUROC above CLIPTTA alone", lead("cliptta-oce", "cliptta", name="auroc"), above=0),
        Claim("{} above zero-shot", lead("cliptta-oce", name="auroc"), above=0),
    ),
    "cifar10-5": (
        Claim("TENT loses {} points against zero-shot", lead("zero-shot", "tent"), above=0),
        Claim("CLIPTTA gains {}", lead("cliptta"), above=0),
        Claim(
            "TENT with CLIPTTA's regulariser stays within two points of it",
            lead("cliptta", "tent-regularised"),
            above=-0.02,
            below=0.02,
        ),
        Claim(
            "TENT collapses on most streams of which zero-shot reads less than half",
            measure("collapsed", "tent"),
            where=lambda columns: columns["zero-shot"]["accuracy"] < 0.5,
            above=0.5,
        ),
    ),
    "cifar10-clean": (
        Claim("CLIPTTA costs {} points", lead("zero-shot", "cliptta"), above=0),
        Claim("TENT {}", lead("zero-shot", "tent"), above=0),
    ),
}
MODEL_CARD: dict[str, tuple[Claim, ...]] = {}
DOCUMENTS = {"README": README, "What was measured": MEASURED, "Model card": MODEL_CARD}
