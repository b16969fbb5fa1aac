"""The parts of the methods' losses, by the names that their values have: how they are called, and what they ask for."""

from cliptta_demo.languages import Text

TERMS: dict[str, tuple[Text, Text]] = {
    "entropy": (Text("entropy"), Text("Asks each image for a surer answer, whatever the others say.")),
    "contrastive": (
        Text("contrastive"),
        Text("Asks each image to fit its captions better than the rest of the batch's."),
    ),
    "regulariser": (
        Text("regulariser"),
        Text("Asks the batch to spread over the classes: minus the entropy of its mean prediction, weighted."),
    ),
    "oce": (Text("oce"), Text("Asks for ID scores of known images and strangers that lie apart.")),
    "memory contrastive": (
        Text("memory contrastive"),
        Text("The contrastive term once more, on images of the memory."),
    ),
    "memory regulariser": (Text("memory regulariser"), Text("The regulariser once more, on images of the memory.")),
    "entropy nearby": (
        Text("entropy nearby"),
        Text("The entropy at the worst weights close by, so that a flat valley is found."),
    ),
    "strangers": (Text("strangers"), Text("Asks for undecided answers where an image looks like a stranger.")),
    "alignment": (Text("alignment"), Text("Asks the mean image of each class to fit the class's caption.")),
    "separation": (
        Text("separation"),
        Text("Asks the mean images of the classes to lie apart: a sum over all pairs."),
    ),
    "variance between classes": (
        Text("variance between classes"),
        Text("Asks the classes seen so far to lie further apart."),
    ),
    "redundancy": (Text("redundancy"), Text("Asks the features for less of what they all share.")),
    "representation": (
        Text("representation"),
        Text("Asks features to lie near others of the same answer and away from the rest."),
    ),
    "prediction": (Text("prediction"), Text("Asks predictions to agree with those of images that look alike.")),
    "replay": (Text("replay"), Text("Asks for surer answers on the images of the memory.")),
    "teacher": (Text("teacher"), Text("Asks for the answers of a slower copy of the model.")),
    "entropy of the mean": (
        Text("entropy of the mean"),
        Text("Asks an image's most certain crops to agree on one answer."),
    ),
    "reward": (Text("reward"), Text("Asks for answers that another CLIP finds fitting.")),
}
