"""The words of the field in a sentence each: where the page uses one, pointing at it shows its sentence."""

import html
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A word, what it means, and how else it is written."""

    name: str
    meaning: str
    others: tuple[str, ...] = ()


GLOSSARY: tuple[Term, ...] = (
    Term(
        "zero-shot",
        "CLIP as it was trained: each image gets the class whose caption fits best, and nothing adapts.",
        ("Zero-shot",),
    ),
    Term(
        "test-time adaptation",
        "Changing a model while it is used, on the images that it is asked about, without their labels.",
    ),
    Term(
        "normalisation layers",
        "Parts of the image tower that scale and shift each channel; most methods move only their weights and biases.",
        ("normalisation layer",),
    ),
    Term("corruption", "Damage as cameras and weather do it: noise, blur, fog, compression; ImageNet-C's fifteen."),
    Term("severity", "How strong a corruption is, from 1 to 5, by ImageNet-C's constants."),
    Term(
        "collapse entropy",
        "How evenly a batch's predictions spread over the classes; at the ceiling all classes are used alike, near 0 "
        "one class has swallowed the rest.",
        ("Collapse entropy",),
    ),
    Term("collapse", "A method calls almost every image by the same class, and grows ever surer of it."),
    Term(
        "entropy",
        "How undecided a prediction is, in nats: 0 is certain, the logarithm of the number of classes is a pure guess.",
    ),
    Term("improvement", "Of the images that zero-shot got wrong, the share that is now right.", ("Improvement",)),
    Term("deterioration", "Of the images that zero-shot got right, the share that is now wrong.", ("Deterioration",)),
    Term(
        "ID",
        "In-distribution: an image of one of the classes asked for.",
    ),
    Term("OOD", "Out of distribution: a stranger, an image of none of the classes.", ("stranger", "strangers")),
    Term(
        "ID score",
        "How familiar an image looks to the model; known classes should score high, strangers low.",
        ("ID scores",),
    ),
    Term("threshold", "The ID score under which an image is taken for a stranger."),
    Term(
        "AUROC",
        "The chance that a known image scores higher than a stranger: 50 % is blind, 100 % tells all of them apart.",
    ),
    Term(
        "FPR95",
        "Of the strangers, the share that passes for known where the threshold lets 95 % of the known images in; "
        "lower is better.",
    ),
    Term(
        "OCE",
        "CLIPTTA's Outlier Contrastive Exposure: it learns a threshold, and pushes the scores of known images and of "
        "strangers apart.",
    ),
    Term(
        "pseudo-caption",
        "The caption of the class that the model itself predicts for an image; nobody told it the truth.",
        ("pseudo-captions",),
    ),
    Term("own caption", "The pseudo-caption of the very image, among those of all images of its batch."),
    Term(
        "row entropy",
        "How undecided an image is between the captions of its batch; the contrastive loss is its mean over the rows.",
    ),
    Term("prototype", "The embedding of a class's captions, averaged; images are compared with it.", ("prototypes",)),
    Term(
        "logit scale",
        "The factor on CLIP's cosines before the softmax, learnt in training; the larger, the surer each prediction.",
    ),
    Term("shots", "How many confident images of each class the memory keeps to learn from again.", ("Shots",)),
    Term("memory", "Confident images of earlier batches, kept to stand in where a batch is small or one-sided."),
    Term(
        "calibration error",
        "How far confidence and accuracy lie apart on average; at 0, of images called 80 % sure 80 % are right.",
        ("Expected calibration error", "expected calibration error"),
    ),
    Term("learning rate", "How far one step moves the weights: too little does nothing, too much breaks the model."),
)

# What the parts of a method's loss ask for, by the names that the methods give them.
LOSS_TERMS = {
    "entropy": "Asks each image for a surer answer, whatever the others say.",
    "contrastive": "Asks each image to fit its captions better than the rest of the batch's.",
    "regulariser": "Asks the batch to spread over the classes: minus the entropy of its mean prediction, weighted.",
    "oce": "Asks for ID scores of known images and strangers that lie apart.",
    "memory contrastive": "The contrastive term once more, on images of the memory.",
    "memory regulariser": "The regulariser once more, on images of the memory.",
    "entropy nearby": "The entropy at the worst weights close by, so that a flat valley is found.",
    "strangers": "Asks for undecided answers where an image looks like a stranger.",
    "redundancy": "Asks the features for less of what they all share.",
    "representation": "Asks features to lie near others of the same answer and away from the rest.",
    "prediction": "Asks predictions to agree with those of images that look alike.",
    "replay": "Asks for surer answers on the images of the memory.",
    "teacher": "Asks for the answers of a slower copy of the model.",
    "entropy of the mean": "Asks an image's most certain crops to agree on one answer.",
    "reward": "Asks for answers that another CLIP finds fitting.",
}


def glossary_html() -> str:
    """All words of the page, folded; the scripts look the sentences up here."""
    entries = "".join(
        f'<div id="term-{_slug(term.name)}" data-words="{html.escape("|".join((term.name, *term.others)))}">'
        f"<dt>{html.escape(term.name)}</dt><dd>{html.escape(term.meaning)}</dd></div>"
        for term in sorted(GLOSSARY, key=lambda term: term.name.lower())
    )
    return (
        '<details class="panel" id="words"><summary><h2>Glossary</h2>'
        f'<p class="sentence">The {len(GLOSSARY)} words that this page explains where it uses them.</p></summary>'
        f"<dl>{entries}</dl></details>"
    )


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
