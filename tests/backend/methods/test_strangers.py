"""AdaND: its detector beside numbers of its authors' release, and what the page is told of it."""

import math

import numpy as np
import pytest
import torch
from golden_methods import STREAMS, Case, follow, golden, golden_backbone, made
from helpers import EMBEDDING, labelled_source, last, method_of, random_images
from torch import Tensor

from cliptta_demo.backend.data.catalog import open_strangers
from cliptta_demo.backend.methods.adand import Adand, best_cut
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
NEAR = 1e-5


OWN = {"adand": {"trust_after": 1}, "adand_fast": {"trust_after": 0, "rate": 0.05}}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", OWN)
def test_trajectory(name: str, stream: str) -> None:
    """With the file's images of noise, and the detector that it begins with."""
    own = OWN[name]

    class Theirs(Adand):
        def initial(self, dimension: int) -> Tensor:
            return torch.from_numpy(golden()["adand/initial"])

        def noise(self, count: int, side: int, seed: int) -> Tensor:
            images = torch.from_numpy(golden()[f"adand/{stream}/noise"][seed]) / 255
            assert len(images) == count
            return (images - MEAN) / DEVIATION

    for batch, (moments, losses) in enumerate(follow(made(Case(Theirs, own), stream), stream)):
        end = moments[-1]
        threshold = end.state.kept["threshold"]
        found = {"confidence": end.scores, "detector": end.state.values, "losses": losses}
        for key, values in found.items():
            np.testing.assert_allclose(
                values, golden()[f"{name}/{stream}/{key}"][batch], atol=NEAR, rtol=0, err_msg=key
            )
        assert (end.scores <= threshold).tolist() == golden()[f"{name}/{stream}/noisy"][batch].tolist()
        asked = golden()[f"{name}/{stream}/thresholds"][batch]
        assert float(1 - threshold) == pytest.approx(asked[int(batch > own["trust_after"])], abs=NEAR)


def test_the_first_cut_of_least_variance_counts_and_what_is_no_number_does_not() -> None:
    for scores, cut in (
        ([0.1, 0.125, 0.7, 0.72], 0.13),  # the first above the lower two
        ([0.1, 0.125, math.nan, 0.7, 0.72, math.nan], 0.13),
        ([0.25, 0.25], 0.0),  # none parts them
        ([0.0, 1.0], 0.01),
        ([math.nan], 0.0),
    ):
        assert best_cut(torch.tensor(scores)).item() == cut


def test_even_single_images_bring_noise_after_every_eighth() -> None:
    backbone = golden_backbone()
    method = method_of("adand", backbone, torch.eye(5, EMBEDDING), AdaptationSettings())
    counts, state = [], None
    noise = method.noise
    method.noise = lambda count, *place: counts.append(count) or noise(count, *place)
    for seed, images in enumerate(random_images(17).split(1)):
        state = last(method, images, state, seed).state
    assert (sum(counts), max(counts), counts[7], counts[15]) == (2, 1, 1, 1)
    last(method, random_images(20))
    assert counts[-1] == 2


def test_its_score_is_the_id_score_and_its_classes_are_clips(backbone: Backbone) -> None:
    """What lies on the threshold is known: an image that CLIP is wholly sure of is no stranger."""
    stream = StreamSettings(batch_size=16, batches=3, ood_share=0.5)
    settings = RunSettings(methods=("adand", "cliptta"), stream=stream)
    experiment = Experiment(settings, backbone, labelled_source(), strangers=open_strangers("flags"))
    *_, (state, snapshot) = experiment.run()
    own, other = (snapshot.methods[name] for name in settings.methods)
    reference = state.tallies["zero-shot"]
    assert own.accuracy == reference.accuracy
    assert own.batch.scores == pytest.approx(own.batch.confidence)  # the detector is not asked yet
    assert own.threshold == pytest.approx(1 - float(best_cut(state.adaptations["adand"].kept["unsure"])), abs=1e-5)
    assert other.batch.scores.max() < 0
    sure = method_of("adand", backbone, torch.eye(1, EMBEDDING), AdaptationSettings())
    end = last(sure, random_images(4))
    assert (end.scores > sure.threshold(end.state)).all()
