"""The built-in pictures: lists that keep their promises, and a renderer that draws what was asked for."""

from collections import Counter

import pytest
import torch

from cliptta_demo.backend.data.picture_backgrounds import backgrounds
from cliptta_demo.backend.data.pictures import (
    PICTURE_FOLDER,
    STRANGER_GROUPS,
    STYLES,
    TRAINED_STYLES,
    UNSEEN_STYLE,
    PictureWorld,
    compose,
    picture_world,
)
from cliptta_demo.backend.data.presets import CIFAR10_CLASSES
from cliptta_demo.backend.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def world() -> PictureWorld:
    return picture_world()


def draw(world: PictureWorld, ids: torch.Tensor, styles: torch.Tensor, size: int, seed: int) -> torch.Tensor:
    return compose(world, ids, styles, size, torch.Generator().manual_seed(seed))


def class_sprites(world: PictureWorld) -> list[int]:
    return [i for members in world.classes.values() for i in members]


def test_lists_are_long_enough_and_apart(world: PictureWorld) -> None:
    assert len(world.classes) >= 48
    # Unicode has one frog; CIFAR-10 needs it.
    assert {name for name, members in world.classes.items() if len(members) < 2} <= {"frog"}
    assert len(world.near_strangers) >= 10
    assert all(len(members) >= 2 for members in world.near_strangers.values())
    near = [i for members in world.near_strangers.values() for i in members]
    strangers = [i for members in world.strangers.values() for i in members]
    assert max(Counter(class_sprites(world) + near + strangers).values()) == 1
    assert not set(world.classes) & set(world.near_strangers)
    assert all(world.sprites[i].split == "train" for i in class_sprites(world) + near)
    for group in STRANGER_GROUPS:
        assert len(world.strangers[group]) >= 40
        assert all(world.sprites[i].split == group for i in world.strangers[group])
    assert [sprite.id for sprite in world.sprites] == list(range(len(world.sprites)))
    skin_tones = {f"1f3f{digit}" for digit in "bcdef"}
    assert not any(skin_tones & set(sprite.codepoint.split("-")) for sprite in world.sprites)
    assert set(TRAINED_STYLES) | {UNSEEN_STYLE} == set(STYLES)


def test_words_are_true_of_one_class_and_cifars_are_covered(world: PictureWorld) -> None:
    everything = world.classes | world.near_strangers
    words = [{sprite.name, *sprite.keywords} for sprite in world.sprites]
    assert all(sprite.name not in sprite.keywords for sprite in world.sprites)
    assert all(word == word.strip().lower() and word for own in words for word in own)
    for title, members in everything.items():
        for i in members:
            assert title in words[i]
            # A word that is another class would make two classes true of one picture.
            assert not (set(world.sprites[i].keywords) & set(everything)) - {title}
    for name in CIFAR10_CLASSES:
        holders = [title for title, own in world.classes.items() if title == name or all(name in words[i] for i in own)]
        assert len(holders) == 1, name


def test_files_are_small_and_licensed() -> None:
    files = {file.name: file.stat().st_size for file in PICTURE_FOLDER.iterdir()}
    assert sum(files.values()) <= 8_000_000
    text = (PICTURE_FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    for style in STYLES:
        assert f"`{style}.webp`" in text
    assert all(word in text for word in ("Apache License 2.0", "CC BY 4.0", "MIT", "CC BY-SA 4.0", "Unicode"))


@pytest.mark.parametrize("style", STYLES)
def test_every_sprite_is_visible_and_fills_its_cell(world: PictureWorld, style: str) -> None:
    side = world.cells[style]
    pixels = world.level(style, side)
    assert pixels.shape == (len(world.sprites), 4, side, side)
    assert pixels.dtype == torch.uint8
    visible = pixels[:, 3] > 127
    share = visible.float().mean((1, 2))
    assert share.min() > 0.05, world.sprites[int(share.argmin())].name
    extents = []
    for along in (1, 2):
        lines = (pixels[:, 3] > 40).any(along).float()
        extents.append(side - lines.argmax(1) - lines.flip(1).argmax(1))
    reach = torch.maximum(*extents)
    assert reach.min() > 0.85 * side, world.sprites[int(reach.argmin())].name
    for level_side in world.level_sides(style)[:2]:  # premultiplied: no colour above alpha, on every reduction
        level = world.level(style, level_side)
        assert bool((level[:, :3] <= level[:, 3:]).all())


@pytest.mark.parametrize("size", [32, 224])
def test_equal_seeds_give_equal_images_and_other_chance_is_left_alone(world: PictureWorld, size: int) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    ids, styles = torch.tensor(class_sprites(world)[:12]), torch.arange(12) % len(STYLES)
    first, again, other = (draw(world, ids, styles, size, seed) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == ((12, 3, size, size), torch.uint8)
    assert torch.equal(first, again)
    assert all(not torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_sprites_stand_out_from_a_background_that_tells_nothing_about_strangers(world: PictureWorld) -> None:
    count, size = 256, 32
    # compose draws the background first, so that the same seed gives it alone, whatever is pasted on it.
    alone = (backgrounds(count, size, torch.Generator().manual_seed(3)) * 255).round()
    for members in (class_sprites(world), [i for group in world.strangers.values() for i in group]):
        generator = torch.Generator().manual_seed(0)
        ids = torch.tensor(members)[torch.randint(len(members), (count,), generator=generator)]
        styles = torch.randint(len(STYLES), (count,), generator=generator)
        difference = (draw(world, ids, styles, size, seed=3).float() - alone).abs().amax(1)
        assert (difference > 8).float().mean((1, 2)).min() > 0.03
        assert ((difference > 40).float().mean((1, 2)) > 0.03).float().mean() > 0.98
        assert (difference <= 1).float().mean((1, 2)).mean() > 0.3


def test_small_images_are_smoothed_large_ones_sharp(world: PictureWorld) -> None:
    ids, styles = torch.tensor(class_sprites(world)[:64]), torch.zeros(64, dtype=torch.int64)
    small, large = (draw(world, ids, styles, size, seed=6).float() for size in (32, 128))
    reduced = torch.nn.functional.interpolate(large, size=(32, 32), mode="area")
    # The same seed places alike at every size: a picture drawn small equals the large one averaged.
    assert (small - reduced).abs().mean() < 4.0


def test_writing_is_never_mirrored(world: PictureWorld) -> None:
    by_name = {sprite.name: sprite.id for sprite in world.sprites}
    for name in ("calendar", "three o’clock", "chart increasing", "backhand index pointing left"):
        assert not world.may_flip[by_name[name]]
    assert not world.may_flip[[i for members in world.strangers.values() for i in members]].any()
    assert world.may_flip[list(world.classes["cat"])].all()


def test_what_can_not_be_drawn_is_a_sentence(world: PictureWorld) -> None:
    one, none, generator = torch.tensor([0]), torch.empty(0, dtype=torch.int64), torch.Generator()
    assert compose(world, none, none, 32, generator).shape == (0, 3, 32, 32)
    with pytest.raises(UserError, match=r"size: 16.*32.*256"):
        compose(world, one, one, 16, generator)
