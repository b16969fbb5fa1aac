"""What the model card claims of the shipped model is recomputed on a fixed sample."""

import json
import math

import pytest
from paths import SHARED

from cliptta_demo.backend.data.catalog import open_source, picture_class_names
from cliptta_demo.backend.data.pictures import PICTURE_FOLDER
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.models.offered import TINY_DIRECTORY
from training.measurements import accuracy, cifar_source, open_vocabulary, photo_source
from training.photo_measurements import imagenet_source

CLAIMED = json.loads((TINY_DIRECTORY / "measured.json").read_text())["accuracy"]
COUNT = 1500


@pytest.fixture(scope="module")
def tiny() -> Backbone:
    return load_backbone(TINY, "cpu")


def claimed(part: str) -> float:
    return next(value for name, value in CLAIMED["clean"].items() if part in name)


def close(measured: float, claim: float, count: int, claimed_on: int = 5000) -> bool:
    """Within four standard deviations of the difference of two samples of these sizes."""
    return abs(measured - claim) <= 4 * math.sqrt(claim * (1 - claim) * (1 / count + 1 / claimed_on))


@pytest.mark.parametrize(("spec", "part"), [("pictures", "trained styles"), ("unseen-style", "unseen style")])
def test_pictures(tiny: Backbone, spec: str, part: str) -> None:
    assert len(picture_class_names()) >= 40
    assert close(accuracy(tiny, open_source(spec, picture_class_names()), COUNT), claimed(part), COUNT)


def test_words(tiny: Backbone) -> None:
    words = open_vocabulary(tiny, 400)
    assert close(words["trained styles"], CLAIMED["words"]["trained styles"], 400)
    assert close(words["unseen style"], CLAIMED["words"]["unseen style"], 400)
    apart = words["highest of eight templates"] - words["lowest of eight templates"]
    claim = CLAIMED["words"]["highest of eight templates"] - CLAIMED["words"]["lowest of eight templates"]
    assert apart < claim + 4 * math.sqrt(2 * 0.05 * 0.95 / 400)  # the same for each template, but for the sample


@pytest.mark.skipif(not SHARED.is_dir(), reason="CIFAR-10 and the photographs are not part of the project")
def test_photos(tiny: Backbone) -> None:
    assert close(accuracy(tiny, cifar_source(SHARED, 64), COUNT), claimed("CIFAR-10"), COUNT, 10_000)
    for near, part, count in ((False, "ten (", 22), (True, "near things", 25)):
        photos = photo_source(SHARED / "photos", 64, near)
        assert photos.length() == count
        # Rounding moves a cosine by less than 0.01 and one photo is nearer than 0.03 to being read otherwise: that one.
        assert accuracy(tiny, photos, count) == pytest.approx(claimed(part), abs=1.1 / count)


@pytest.mark.skipif(not SHARED.is_dir(), reason="Tiny ImageNet is not part of the project")
def test_two_hundred_kinds(tiny: Backbone) -> None:
    claim = CLAIMED["photographs"]["Tiny ImageNet, 200 kinds"]
    assert close(accuracy(tiny, imagenet_source(SHARED), COUNT), claim, COUNT)


def test_what_is_shipped_stays_small() -> None:
    assert (TINY_DIRECTORY / "open_clip_model.safetensors").stat().st_size <= 20_000_000
    assert sum(path.stat().st_size for path in PICTURE_FOLDER.iterdir()) <= 8_000_000
