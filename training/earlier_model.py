"""An earlier model as a teacher of the images that it knows."""

from pathlib import Path

import open_clip
import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.models import tiny_tower  # noqa: F401  (registers the towers with timm)
from training.evaluation import TEMPLATES, precision


class EarlierModel:
    """Which of its captions an earlier model gives to an image, and how surely: more than its one true name says.

    Its probabilities are learnt, not its embeddings: two models that were trained apart have no space in common.
    Source: Hinton et al., "Distilling the knowledge in a neural network", 2015.

    Args:
        weights: folder with ``open_clip_config.json`` and ``open_clip_model.safetensors``.
        captions: of the training, M phrases.
        known: those of them that the earlier model has learnt.
    """

    def __init__(self, weights: Path, captions: tuple[str, ...], known: frozenset[str]) -> None:
        self.model = open_clip.create_model(f"local-dir:{weights}").requires_grad_(False).eval()
        self.known = torch.tensor([caption in known for caption in captions])
        tokenizer = open_clip.get_tokenizer(f"local-dir:{weights}")
        prompts = tokenizer([template.format(caption) for caption in captions for template in TEMPLATES])
        with torch.no_grad(), precision():
            parts = [self.model.encode_text(part, normalize=True).float() for part in prompts.split(1000)]
        self.prototypes = F.normalize(torch.cat(parts).view(len(captions), len(TEMPLATES), -1).mean(1), dim=1)

    def loss(self, pixels: Tensor, logits: Tensor, captions: Tensor) -> Tensor:
        """Cross-entropy between its probabilities and a pupil's, over the captions that it knows.

        Args:
            pixels: normalised images, ``(N, 3, S, S)`` float.
            logits: the pupil's, ``(N, K)`` float; captions: ``(K,)`` int64, which ones these are of.
        """
        known = self.known[captions]
        with torch.no_grad():
            with precision():
                features = self.model.encode_image(pixels, normalize=True)
            scale = self.model.logit_scale.exp()
            wanted = (scale * features.float() @ self.prototypes[captions[known]].T).softmax(1)
        return -(wanted * logits[:, known].log_softmax(1)).sum(1).mean()
