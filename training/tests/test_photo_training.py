"""Tiny ImageNet in the training: its names and what stands above them, its share of a batch, and how a run begins."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from paths import SHARED
from small_data import few_pictures, write_photos

from cliptta_demo.backend.data.pictures import PictureWorld
from cliptta_demo.backend.models.offered import TINY_DIRECTORY
from training.captions import CaptionTable, build_caption_table
from training.earlier_model import EarlierModel
from training.everyday_names import BROAD, EVERYDAY, members, words_above
from training.extra_styles import add_training_styles
from training.photo_measurements import DRAWN_PHOTOS, KNOWN_PHOTOS, TWENTY, under_everyday_words
from training.photos import CIFAR10_CLASSES
from training.tiny_imagenet import (
    TRAINING,
    VALIDATION,
    PhotoKind,
    load_tiny_imagenet,
    read_kinds,
)
from training.train_tiny import following
from training.trainer import Trainer
from training.training_settings import Round, TrainingSettings, schedule

KINDS = {
    "n02085620": "Chihuahua",
    "n02123045": "tabby, tabby cat",
    "n03602883": "joystick",
    "n07749582": "lemon",
}
needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="training needs torch 2.9 or newer")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both of Tiny ImageNet's files, four kinds, and CIFAR-10's; each class is a colour."""
    folder = tmp_path_factory.mktemp("data")
    metadata = {"wnids": json.dumps(list(KINDS)), "names": json.dumps(list(KINDS.values()))}
    for split in (TRAINING, VALIDATION):
        colours = np.arange(12)[:, None] * np.array([20, 5, 10])
        images = np.broadcast_to(colours[:, None, None], (12, 64, 64, 3)).astype(np.uint8)
        write_photos(folder / split, "image", images, [i % len(KINDS) for i in range(12)], metadata)
    for split in ("train", "test"):
        write_photos(folder / f"cifar10-{split}.parquet", "img", np.full((20, 32, 32, 3), 99, np.uint8), [0, 1] * 10)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PictureWorld:
    names = ("cat face", "lemon", "balloon", "flag: japan")
    return few_pictures(tmp_path_factory.mktemp("pictures") / "few", ("cat", "dog"), names)


@pytest.fixture(scope="module")
def table(data: Path, world: PictureWorld) -> CaptionTable:
    return build_caption_table(world, read_kinds(data / VALIDATION))


def test_photographs_and_their_names_are_read_and_kept(data: Path, tmp_path: Path) -> None:
    kinds = read_kinds(data / TRAINING)
    assert kinds[0] == PhotoKind("Chihuahua", ("chihuahua",))
    assert kinds[1] == PhotoKind("tabby cat", ("tabby", "tabby cat"))
    images, labels = load_tiny_imagenet(data / TRAINING, tmp_path / "cache.pt")
    assert images.shape == (12, 3, 64, 64)
    assert images[3, :, 5, 7].tolist() == [60, 15, 30]
    assert labels[:5].tolist() == [0, 1, 2, 3, 0]
    again, _ = load_tiny_imagenet(tmp_path / "gone.parquet", tmp_path / "cache.pt")
    assert torch.equal(again, images)


def test_words_stand_above_one_another() -> None:
    assert words_above("chihuahua") == ("dog", "animal")
    assert words_above("sports car") == ("car", "vehicle")
    assert words_above("goose") == ("bird", "animal")
    assert words_above("joystick") == ()


@pytest.mark.skipif(not (SHARED / VALIDATION).is_file(), reason="Tiny ImageNet is not part of the project")
def test_every_member_of_the_tables_is_known() -> None:
    first = {kind.names[0] for kind in read_kinds(SHARED / VALIDATION)}
    known = first | set(EVERYDAY) | set(BROAD) | set(CIFAR10_CLASSES)
    assert {name for word in (*EVERYDAY, *BROAD) for name in members(word)} <= known
    assert len(first) == 200


def test_photographs_answer_to_what_stands_above_and_drawings_to_the_same_word(
    table: CaptionTable, world: PictureWorld
) -> None:
    place = {caption: number for number, caption in enumerate(table.captions)}
    first = len(CIFAR10_CLASSES) + len(world.sprites)
    chihuahua, tabby, joystick, lemon = range(first, first + 4)
    for word in ("chihuahua", "dog", "puppy", "animal"):
        assert table.truth[chihuahua, place[word]] > 0
    assert table.truth[tabby, place["cat"]] == table.truth[tabby, place["kitty"]] > 0
    assert table.truth[tabby, place["tabby"]] == 1
    assert table.truth[joystick].count_nonzero() == 1
    (drawn,) = (len(CIFAR10_CLASSES) + sprite.id for sprite in world.sprites if sprite.name == "lemon")
    assert table.truth[drawn, place["lemon"]] == table.truth[lemon, place["lemon"]] == 1
    assert [table.captions[number] for number in table.above if table.truth[lemon, number]] == ["food", "fruit"]


def test_a_photo_of_a_cat_may_be_a_tabby_but_is_no_dog(table: CaptionTable) -> None:
    place = {caption: number for number, caption in enumerate(table.captions)}
    cat = CIFAR10_CLASSES.index("cat")
    assert table.unknown[cat, place["tabby"]]
    assert not table.unknown[cat, place["chihuahua"]]
    assert not (table.unknown & (table.truth > 0)).any()
    drawn = table.draw(torch.full((200,), cat), torch.Generator().manual_seed(0))
    assert {table.captions[number] for number in drawn} == {"cat", "kitten", "kitty"}


def test_a_round_may_end_above_zero() -> None:
    slope = Round(steps=4, rate=0.8, end_rate=0.4, photo_share=0, light_share=0, warmup=0)
    level = Round(steps=2, rate=0.4, end_rate=0.4, photo_share=0, light_share=0, warmup=0)
    settings = TrainingSettings(main_steps=0, rounds=(slope, level))
    assert [schedule(step, settings) for step in range(6)] == pytest.approx([0.8, 0.7, 0.6, 0.5, 0.4, 0.4])


def test_a_slow_machine_leaves_steps_out_but_no_rounds_last() -> None:
    part = Round(steps=10, rate=1.0, photo_share=0, light_share=0)
    settings = TrainingSettings(main_steps=0, rounds=(part, part))
    assert [following(done, 0.0, settings) for done in (1, 10, 20)] == [1, 10, 20]
    assert following(1, 0.25, settings) == 5
    assert following(1, 0.9, settings) == 9
    assert following(9, 0.9, settings) == 9
    assert following(10, 0.9, settings) == 18
    assert following(20, 1.5, settings) == 20


@needs_muon
def test_a_run_begins_with_other_weights_and_learns_all_three_sources(
    data: Path, world: PictureWorld, tmp_path: Path
) -> None:
    world, has_style = add_training_styles(world, None)
    plain = Round(steps=1, rate=1.0, photo_share=0.5, light_share=0)
    earlier = Trainer(TrainingSettings(main_steps=0, rounds=(plain,), batch_size=8), data, world, has_style)
    earlier.export(tmp_path)

    part = Round(steps=2, rate=1.0, photo_share=0.25, imagenet_share=0.5, light_share=0, warmup=0, small=True)
    settings = TrainingSettings(main_steps=0, rounds=(part,), batch_size=16, evaluation_images=8)
    trainer = Trainer(settings, data, world, has_style, data, tmp_path, TINY_DIRECTORY)
    torch.nn.init.ones_(trainer.model.token_embedding.weight)
    trainer.start_from(tmp_path / "open_clip_model.safetensors")
    weights = trainer.weights()
    assert torch.equal(
        weights["visual.trunk.head.weight"], earlier.weights()["visual.trunk.head.weight"].half().float()
    )
    rows = dict(zip(trainer.token_ids.tolist(), weights["token_embedding.weight"], strict=True))
    for token, row in zip(earlier.token_ids.tolist(), earlier.weights()["token_embedding.weight"], strict=True):
        assert torch.equal(rows.pop(token), row.half().float())
    assert rows  # pieces of words that the earlier run did not know
    assert all(row.eq(1).all() for row in rows.values())

    images, kinds = trainer.batch(0)
    assert images.shape == (16, 3, settings.small_size, settings.small_size)
    first = len(CIFAR10_CLASSES) + len(world.sprites)
    assert [(kinds < len(CIFAR10_CLASSES)).sum(), (kinds >= first).sum()] == [4, 8]
    assert np.isfinite(trainer.step(0))
    changed = trainer.weights()
    for name in ("visual.trunk.stem.0.weight", "token_embedding.weight", "transformer.resblocks.0.mlp.c_fc.weight"):
        assert not torch.equal(changed[name], weights[name])
    assert 0 <= trainer.evaluation(trainer.model)["tiny_imagenet"] <= 1


def test_an_earlier_model_teaches_its_own_probabilities_of_the_captions_that_it_knows() -> None:
    earlier = EarlierModel(TINY_DIRECTORY, ("cat", "tabby", "ship"), frozenset({"cat", "ship"}))
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    captions = torch.tensor([2, 1, 0])
    features = earlier.model.encode_image(pixels, normalize=True)
    own = earlier.model.logit_scale.exp() * features @ earlier.prototypes[captions].T
    for unlike, moved in ((0.0, False), (1.0, True)):
        logits = (own.float() + unlike * torch.tensor([1.0, 0.0, 0.0])).requires_grad_()
        earlier.loss(pixels, logits, captions).backward()
        assert logits.grad is not None
        assert not logits.grad[:, 1].any()  # "tabby" is nothing that it knows
        assert bool((logits.grad.abs().amax(0)[[0, 2]] > 0.01).all()) is moved


def test_every_photograph_is_asked_for_by_one_of_twenty_words_or_by_none(data: Path) -> None:
    images, wanted = under_everyday_words(data)
    assert [TWENTY[word] for word in wanted.tolist()] == ["dog", "cat", "fruit"] * 3
    assert images[2].float().mean((1, 2)).tolist() == [60, 15, 30]  # the lemon; the joystick is left out
    for word in TWENTY:
        assert not set(words_above(word)) & set(TWENTY)
    assert set(DRAWN_PHOTOS).isdisjoint(KNOWN_PHOTOS)
    assert KNOWN_PHOTOS["convertible"] == "car"
    assert KNOWN_PHOTOS["umbrella"] == "umbrella"
