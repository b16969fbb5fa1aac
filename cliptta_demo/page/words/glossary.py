"""The words of the field in a sentence each: where the page uses one, pointing at it shows its sentence."""

import html
from dataclasses import dataclass

from cliptta_demo.languages import Says, Text, say


@dataclass(frozen=True)
class Term(Says):
    """A word, with the other forms in which texts have it, and what it means: ``stranger|strangers: …``."""

    entry: str

    @property
    def forms(self) -> list[str]:
        """What stands before the colon, of which the first is the word's name."""
        return self.entry.partition(": ")[0].split("|")

    @property
    def meaning(self) -> str:
        """What stands behind it."""
        return self.entry.partition(": ")[2]


# One text an entry: a translation has as many forms of a word before the colon as its own texts have.
GLOSSARY = tuple(
    Term(entry)
    for entry in (
        Text(
            "zero-shot|Zero-shot: CLIP as it was trained: each image gets the class whose caption fits best, and "
            "nothing adapts. The built-in model has learnt from CIFAR-10's training photos, Tiny ImageNet's and three "
            "of the four picture styles, though never from a corrupted one."
        ),
        Text(
            "test-time adaptation: Changing a model while it is used, on the images that it is asked about, without "
            "their labels."
        ),
        Text(
            "normalisation layers|normalisation layer: Parts of the image tower that scale and shift each channel; "
            "most methods move only their weights and biases."
        ),
        Text("corruption: Damage as cameras and weather do it: noise, blur, fog, compression; ImageNet-C's fifteen."),
        Text("severity: How strong a corruption is, from 1 to 5, by ImageNet-C's constants."),
        Text(
            "collapse entropy|Collapse entropy: How evenly a batch's predictions spread over the classes; at the "
            "ceiling all classes are used alike, near 0 one class has swallowed the rest."
        ),
        Text("collapse: A method calls almost every image by the same class, and grows ever surer of it."),
        Text(
            "entropy: How undecided a prediction is, in nats: 0 is certain, the logarithm of the number of classes "
            "is a pure guess."
        ),
        Text("improvement|Improvement: Of the images that zero-shot got wrong, the share that is now right."),
        Text("deterioration|Deterioration: Of the images that zero-shot got right, the share that is now wrong."),
        Text("ID: In-distribution: an image of one of the classes asked for."),
        Text("OOD|stranger|strangers: Out of distribution: a stranger, an image of none of the classes."),
        Text(
            "ID score|ID scores: How familiar an image looks to the model; known classes should score high, "
            "strangers low."
        ),
        Text("threshold: The ID score under which an image is taken for a stranger."),
        Text(
            "AUROC: The chance that a known image scores higher than a stranger: 50 % is blind, 100 % tells all of "
            "them apart."
        ),
        Text(
            "FPR95: Of the strangers, the share that passes for known where the threshold lets 95 % of the known "
            "images in; lower is better."
        ),
        Text(
            "OCE: CLIPTTA's Outlier Contrastive Exposure: it learns a threshold, and pushes the scores of known "
            "images and of strangers apart."
        ),
        Text(
            "pseudo-caption|pseudo-captions: The caption of the class that the model itself predicts for an image; "
            "nobody told it the truth."
        ),
        Text("own caption: The pseudo-caption of the very image, among those of all images of its batch."),
        Text(
            "row entropy: How undecided an image is between the captions of its batch; the contrastive loss is its "
            "mean over the rows."
        ),
        Text("prototype|prototypes: The embedding of a class's captions, averaged; images are compared with it."),
        Text(
            "logit scale: The factor on CLIP's cosines before the softmax, learnt in training; the larger, the surer "
            "each prediction."
        ),
        Text("shots|Shots: How many confident images of each class the memory keeps to learn from again."),
        Text("memory: Confident images of earlier batches, kept to stand in where a batch is small or one-sided."),
        Text(
            "calibration error|Expected calibration error|expected calibration error: How far confidence and "
            "accuracy lie apart on average; at 0, of images called 80 % sure 80 % are right."
        ),
        Text("learning rate: How far one step moves the weights: too little does nothing, too much breaks the model."),
    )
)


def glossary_html() -> str:
    """All words of the page, folded; the scripts look the sentences up here."""
    entries = "".join(
        f'<div id="term-{number}" data-words="{html.escape("|".join(term.forms))}">'
        f"<dt>{html.escape(term.forms[0])}</dt><dd>{html.escape(term.meaning)}</dd></div>"
        for number, term in enumerate(sorted(GLOSSARY, key=lambda term: term.forms[0].lower()))
    )
    about = say("The {count} words that this page explains where it uses them.", count=len(GLOSSARY))
    return (
        f'<details class="panel"><summary><h2>{say("Glossary")}</h2>'
        f'<p class="sentence">{about}</p></summary>'
        f"<dl>{entries}</dl></details>"
    )
