"""What the paper reports with ViT-B/16 (arXiv 2507.14312), in %, to be read beside one's own; and its protocol."""

from typing import Any

# ``table --preset NAME``: option → value. Those given after it on the command line hold.
PRESETS: dict[str, dict[str, Any]] = {
    # The authors' script for CIFAR-10-C: all 10,000 images, memory of 4 shots, ten steps; TENT at their rate for it,
    # which is ten times CLIPTTA's, and at CLIPTTA's own.
    "paper": {
        "backbone": "ViT-B-16/openai",
        "dataset": "cifar10-c",
        "severity": 5,
        "batch_size": 128,
        "batches": 79,
        "seeds": "0,1,2",
        "methods": "zero-shot,tent@lr=1e-3@steps=10,tent@lr=1e-4@steps=10,cliptta@lr=1e-4@steps=10@memory-shots=4",
    },
}

# a data set, by the word before any ":", → what the paper calls it
PAPER_NAMES = {
    **dict.fromkeys(("cifar10", "cifar10-c", "cifar10c"), "CIFAR-10"),
    **dict.fromkeys(("cifar100", "cifar100c"), "CIFAR-100"),
    "imagenet": "ImageNet",
    "pacs": "PACS",
}
# data set → column → accuracy; the mean of 15 corruptions at severity 5 where there are corruptions
PAPER_ACCURACY: dict[str, dict[str, float]] = {
    "CIFAR-10-C": {"zero-shot": 60.2, "tent": 56.4, "cliptta": 80.7},
    "CIFAR-100-C": {"zero-shot": 35.2, "tent": 31.4, "cliptta": 52.6},
    "ImageNet-C": {"zero-shot": 25.5, "tent": 17.6, "cliptta": 41.1},
    "PACS": {"zero-shot": 96.1, "tent": 96.6, "cliptta": 97.5},
}
# "data set against strangers" → column → (AUROC, FPR95), clean images, half of them strangers
PAPER_OPEN_SET: dict[str, dict[str, tuple[float, float]]] = {
    "CIFAR-10 against SVHN": {"zero-shot": (98.5, 5.2), "tent": (42.3, 89.3), "cliptta-oce": (99.8, 0.4)},
    "ImageNet against Places": {"zero-shot": (90.1, 43.8), "tent": (49.9, 89.4), "cliptta-oce": (97.7, 9.7)},
}
