"""Draws the frost pictures, in place of the six photographs that ImageNet-C's frost crops from.

    python -m training.draw_frost

writes them into ``backend/corruptions/frost.webp``. Each picture imitates one photograph: the kind of ice and, channel
by channel, its mean and spread. All of them repeat seamlessly.
"""

import math

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from cliptta_demo.backend.corruptions.weather import FROST_FILE, SIDE

_SEED = 2019
# Lines are drawn at twice the size and averaged down.
_CANVAS = 2 * SIDE

# Per photograph: mean and standard deviation of red, green and blue in grey levels.
_TEAL = ((77.7, 149.1, 165.7), (26.9, 16.5, 15.3))
_WHITE = ((200.8, 205.4, 214.5), (21.4, 22.1, 22.6))
_SILVER = ((137.6, 152.8, 165.2), (28.5, 28.5, 29.9))
_SLATE = ((112.4, 123.4, 134.8), (44.4, 43.3, 41.7))
_NIGHT = ((71.4, 95.4, 104.5), (35.2, 42.7, 47.4))


def _standard(plane: Tensor) -> Tensor:
    return (plane - plane.mean()) / plane.std()


def _clouds(generator: torch.Generator, wavelength: float, slope: float = 2.0, stretch: float = 1.0) -> Tensor:
    """(S, S) seamless noise of mean 0 and deviation 1 whose spectrum falls off below `wavelength` pixels.

    stretch > 1 draws it out vertically.
    """
    down = torch.fft.fftfreq(SIDE)[:, None] * wavelength * stretch
    right = torch.fft.rfftfreq(SIDE) * wavelength
    falloff = (1 + down**2 + right**2) ** (-slope / 2 - 0.5)
    noise = torch.randn((SIDE, SIDE), generator=generator)
    return _standard(torch.fft.irfft2(torch.fft.rfft2(noise) * falloff, s=(SIDE, SIDE)))


def _soften(plane: Tensor, sigma: float) -> Tensor:
    """Seamless Gaussian blur."""
    down = torch.fft.fftfreq(SIDE)[:, None]
    right = torch.fft.rfftfreq(SIDE)
    falloff = torch.exp(-2 * (math.pi * sigma) ** 2 * (down**2 + right**2))
    return torch.fft.irfft2(torch.fft.rfft2(plane) * falloff, s=(SIDE, SIDE))


def _relief(plane: Tensor) -> Tensor:
    """Light from the upper left on a height map."""
    return plane - plane.roll((2, 1), (0, 1))


class _Lines:
    """Tapering line segments, gathered first and drawn in one go; the brighter of two crossing lines wins."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.parts: list[tuple[Tensor, Tensor, Tensor]] = []

    def rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator)

    def add(
        self,
        x: Tensor,
        y: Tensor,
        angle: Tensor,
        length: Tensor,
        tone: Tensor,
        bend: float = 0.0,
        half_width: float = 0.0,
    ) -> None:
        """Segments from (x, y), any shape, in pixels; tone: brightness at the root, half of it at the tip.

        half_width > 0 makes them lens-shaped blades, lighter on one side.
        """
        parts = torch.broadcast_tensors(x, y, angle, length, tone)
        x, y, angle, length, tone = (part.flatten()[:, None, None] for part in parts)
        t = torch.linspace(0, 1, int(length.max() * 2) + 2)
        across = torch.linspace(-1, 1, int(half_width * 4) + 1)[:, None] if half_width else torch.zeros(1, 1)
        turned = angle + bend * t
        bulge = across * half_width * (4 * t * (1 - t)) ** 0.7
        at_x = ((x + torch.cos(turned) * length * t - torch.sin(turned) * bulge) * 2).long() % _CANVAS
        at_y = ((y + torch.sin(turned) * length * t + torch.cos(turned) * bulge) * 2).long() % _CANVAS
        shade = tone * (1 - 0.5 * t) * (1 - 0.3 * across)
        self.parts.append((at_y.flatten(), at_x.flatten(), shade.flatten()))

    def draw(self) -> Tensor:
        """(S, S) brightness, 0 where there is no line."""
        canvas = torch.zeros(_CANVAS * _CANVAS)
        for row, column, tone in self.parts:
            canvas.scatter_reduce_(0, row * _CANVAS + column, tone, "amax")
        return F.avg_pool2d(canvas.view(1, 1, _CANVAS, _CANVAS), 2)[0, 0]


def _ferns(generator: torch.Generator, count: int, length: tuple[float, float], gap: float, reach: float) -> Tensor:
    """(S, S) ice ferns: a curved stem, barbs on both sides every `gap` px, each with barbs of its own.

    length: shortest and longest stem. reach: length of the longest barb over that of the stem.
    """
    lines = _Lines(generator)
    stem_length = length[0] + (length[1] - length[0]) * lines.rand(count, 1) ** 2
    x, y = lines.rand(2, count, 1) * SIDE
    # Neighbours grow in similar directions, as they do on a window pane.
    wind = _clouds(generator, 160)[y.long() % SIDE, x.long() % SIDE]
    heading = wind * 1.6 + (lines.rand(count, 1) - 0.5) * 2.4
    bend = (lines.rand(count, 1) - 0.5) * 0.8
    tone = 0.45 + 0.55 * lines.rand(count, 1)

    knots = int(length[1] / gap)
    along = (torch.arange(knots) + 0.5) / knots
    direction = heading + bend * along
    stem_x = x + (torch.cos(direction) * stem_length / knots).cumsum(1)
    stem_y = y + (torch.sin(direction) * stem_length / knots).cumsum(1)
    lines.add(stem_x, stem_y, direction, stem_length / knots * 1.5, tone * 1.1)

    # Short stems keep the spacing of long ones.
    drawn = (torch.arange(knots) % (length[1] / stem_length).floor().clamp(min=1)) == 0
    opening = 0.6 + 0.5 * lines.rand(count, 1)
    leaf = torch.sin(math.pi * along**0.7).clamp(min=0) + 0.1
    for side, light in ((-1, 1.0), (1, 0.72)):
        barb = stem_length * reach * leaf * (0.55 + 0.6 * lines.rand(count, knots))
        angle = direction + side * (opening + 0.15 * (lines.rand(count, knots) - 0.5))
        shade = tone * light * (0.65 + 0.35 * lines.rand(count, knots))
        keep = drawn.expand_as(barb)
        root_x, root_y, barb, angle, shade = (t[keep] for t in (stem_x, stem_y, barb, angle, shade))
        lines.add(root_x, root_y, angle, barb, shade, bend=-0.25 * side)
        share = torch.linspace(0.2, 0.9, 6)
        for turn in (-1, 1):
            twig_x = root_x[:, None] + torch.cos(angle - 0.12 * side)[:, None] * barb[:, None] * share
            twig_y = root_y[:, None] + torch.sin(angle - 0.12 * side)[:, None] * barb[:, None] * share
            twig = (barb[:, None] * 0.35 * (1.05 - share)).clamp(max=9)
            lines.add(twig_x, twig_y, angle[:, None] + turn * 0.8, twig, shade[:, None] * 0.8)
    return lines.draw()


def _needles(
    generator: torch.Generator,
    count: int,
    per_fan: int,
    length: tuple[float, float],
    spread: float,
    half_width: float = 0.6,
) -> Tensor:
    """(S, S) fans of straight needles or, with a greater half_width, blades, as brightness."""
    lines = _Lines(generator)
    x, y = lines.rand(2, count, 1) * SIDE
    heading = lines.rand(count, 1) * 2 * math.pi
    angle = heading + spread * (lines.rand(count, per_fan) - 0.5)
    size = length[0] + (length[1] - length[0]) * lines.rand(count, per_fan) ** 2
    root = 0.3 * length[1] * (lines.rand(2, count, per_fan) - 0.5)
    tone = 0.3 + 0.7 * lines.rand(count, per_fan)
    lines.add(x + root[0], y + root[1], angle, size, tone, half_width=half_width)
    return lines.draw()


def _colour(grey: Tensor, target: tuple[tuple[float, ...], tuple[float, ...]], tint: Tensor | None = None) -> Tensor:
    """(S, S, 3) from a tone map: each channel gets the photograph's mean and deviation.

    tint: a second map that pushes red against blue, so that the hue varies over the picture.
    """
    mean, std = (torch.tensor(values) for values in target)
    tone = _standard(grey)[..., None].expand(-1, -1, 3)
    if tint is not None:
        tone = tone + tint[..., None] * torch.tensor([1.0, 0.1, -0.6])
    tone = (tone - tone.mean((0, 1))) / tone.std((0, 1))
    return tone * std + mean


def _crinkled(generator: torch.Generator) -> Tensor:
    """Teal ice with fine wrinkles over drifting clouds (the first photograph)."""
    folds = (_clouds(generator, 40).abs() ** 0.6 + 0.5 * _clouds(generator, 14).abs() ** 0.6).neg()
    wrinkles = _standard(_relief(_soften(folds, 0.7)))
    drift = _clouds(generator, 220, 3.0)
    return _colour(_standard(wrinkles) * 0.75 + 0.6 * drift, _TEAL, 0.8 * _clouds(generator, 260, 3.0))


def _white(generator: torch.Generator) -> Tensor:
    """White ice of interlocking blades, lit from the side (the second and third photographs)."""
    blades = _needles(generator, 210, 6, (40, 130), 0.7, half_width=4.5)
    chips = _needles(generator, 420, 5, (12, 50), 1.4, half_width=2.5)
    needles = _needles(generator, 320, 9, (12, 70), 0.7)
    ice = torch.maximum(blades, 0.9 * chips)
    lit = _standard(_soften(ice, 0.6)) + 0.5 * _standard(_relief(_soften(ice, 0.8)))
    lit = lit + 0.4 * _standard(_relief(needles))
    dips = -(_clouds(generator, 70).clamp(max=0) ** 2)
    return _colour(lit + 0.5 * _standard(dips) + 0.5 * _clouds(generator, 200), _WHITE)


def _silver(generator: torch.Generator) -> Tensor:
    """A grey pane of small grains in vertical trails, with bright fans between (the fourth photograph)."""
    grains = _standard(_relief(_clouds(generator, 7, 3.0, stretch=1.6).clamp(min=-0.5)))
    fans = _relief(_soften(_needles(generator, 90, 26, (6, 34), 2.2), 0.8))
    trails = _clouds(generator, 18, 2.0, stretch=5.0)
    tone = 0.75 * grains + 0.6 * _standard(fans) + 0.4 * trails + 0.35 * _clouds(generator, 180)
    return _colour(tone, _SILVER)


def _slate(generator: torch.Generator) -> Tensor:
    """Feathery crystals crowding on dark glass (the fifth photograph)."""
    feathers = torch.maximum(
        0.8 * _ferns(generator, 1500, (10, 40), 2.5, 0.22), _ferns(generator, 500, (20, 64), 2.5, 0.3)
    )
    glow = _soften(feathers, 6.0)
    thick = torch.sigmoid(1.5 * _clouds(generator, 150)) + 0.4
    return _colour(_standard(feathers**1.5 * thick + 0.4 * glow) + 0.5 * _clouds(generator, 240, 3.0), _SLATE)


def _night(generator: torch.Generator) -> Tensor:
    """Large blue ferns on black glass (the sixth photograph)."""
    ferns = torch.maximum(
        _ferns(generator, 110, (70, 190), 3.0, 0.3), 0.7 * _ferns(generator, 170, (20, 70), 3.0, 0.36)
    )
    glow = _soften(ferns, 4.0)
    tint = 0.18 * _clouds(generator, 120, 3.0)
    return _colour(_standard(ferns + 0.9 * glow) + 0.3 * _clouds(generator, 200), _NIGHT, tint)


KINDS = (_crinkled, _white, _white, _silver, _slate, _night)


def draw_frost(count: int = len(KINDS)) -> Tensor:
    """(count, S, S, 3) uint8: the first pictures, from a fixed seed."""
    generator = torch.Generator().manual_seed(_SEED)
    return torch.stack([kind(generator) for kind in KINDS[:count]]).clamp(0, 255).to(torch.uint8)


def main() -> None:
    """Writes the file, without loss."""
    column = Image.fromarray(draw_frost().flatten(0, 1).numpy())
    column.save(FROST_FILE, lossless=True, quality=100, method=6)
    print(f"{FROST_FILE.name}: {FROST_FILE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
