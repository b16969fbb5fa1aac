"""Arithmetic is known before a run: what a turn holds, what a run takes, and what is refused in a sentence."""

from dataclasses import replace
from functools import partial
from itertools import product

import pytest
from helpers import CLASSES, OWN_SETTINGS, labelled_source, method_of, random_images, settings_for, small_backbone
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.recorded import chosen
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.arithmetic import THERE_AND_BACK, Pace, Towers, cost_of, duration
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings, method_names
from cliptta_demo.limits import Limits
from cliptta_demo.page.form.reading import readable
from cliptta_demo.page.runs import cost
from cliptta_demo.page.runs.machine import Machine

SETTINGS = settings_for(*method_names(), batch_size=10, batches=3, steps=2, memory_shots=2, memory_sample=6)
# Other definitions, which take something else of a memory.
RELEASES = [*product(("rotta", "sotta", "stamp"), ["cliptta"]), ("sotta", "as-is"), ("stamp", "cliptta-sharp")]


@pytest.fixture
def backbone() -> Backbone:
    return small_backbone()


def counted(backbone: Backbone, name: str, **own: str) -> float:
    """GFLOP that a method's second batch really takes."""
    method = method_of(name, backbone, backbone.prototypes(CLASSES), SETTINGS.adaptation, **own)
    backbone.images_that_fit()
    *_, first = method.adapt(random_images(10), method.start(), 0)
    with FlopCounterMode(display=False) as counter:
        list(method.adapt(random_images(10, seed=1), first.state, 1))
    return counter.get_total_flops() / 1e9


@pytest.mark.parametrize(("name", "release"), [*((name, None) for name in method_names()), *RELEASES])
def test_no_method_takes_more_than_is_said(backbone: Backbone, name: str, release: str | None) -> None:
    own = {"release": release} if release else {}
    changed = {name: replace(OWN_SETTINGS[name], **own)} if own else OWN_SETTINGS
    cost = cost_of(replace(SETTINGS, methods=(name,), own=changed), Towers.of(backbone), len(CLASSES), 5)
    taken = counted(backbone, name, **own)
    assert taken <= 1.05 * cost.batch  # losses and heads are the twentieth
    assert own or taken > 0.4 * cost.batch
    assert cost.total == cost.prompts + cost.clean + 3 * cost.batch


def test_a_turn_holds_what_it_may_and_at_least_one_image() -> None:
    towers = Towers(image=10.0, prompt=5.0)
    turn = towers.turn(300)
    assert turn.images * THERE_AND_BACK * towers.image <= 300
    assert turn.prompts * towers.prompt <= 300
    assert (turn.images, turn.prompts) == (10, 60)
    assert (towers.turn(1).images, towers.turn(1).prompts) == (1, 1)


def test_a_pace_is_guessed_then_learnt() -> None:
    pace = Pace()
    assert 0 < pace.seconds("vit", 100.0) < 1e6
    pace.learn("vit", 100.0, 2.0)
    assert pace.seconds("vit", 100.0) == pytest.approx(2.0)
    pace.learn("vit", 100.0, 1.0)
    assert 1.0 < pace.seconds("vit", 100.0) < 2.0
    shown = [duration(seconds) for seconds in (0.2, 40, 600, 3 * 3600, 4e6)]
    assert shown == ["1 s", "40 s", "10 min", "3.0 h", "46 days"]


@pytest.mark.parametrize(
    ("towers", "says"),
    [
        (Towers(image=10.0, prompt=1.0), "take about .* on this machine, .* Choose fewer batches, steps or methods"),
        (Towers(image=0.01, prompt=1000.0), "fewer classes or prompt templates"),
    ],
)
def test_a_run_over_the_limit_is_refused_with_its_time(
    towers: Towers, says: str, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = Experiment(SETTINGS, backbone, labelled_source(60))
    assert cost.check_cost(experiment, Machine()) > 0
    monkeypatch.setattr(Towers, "of", lambda backbone: towers)
    with pytest.raises(UserError, match=says):
        cost.check_cost(experiment, Machine(Limits(run_teraflops=1)))


def test_a_batch_that_can_not_be_cut_is_bounded_too() -> None:
    machine = Machine(Limits(pass_gigaflops=1))
    tower = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64), nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
    whole = small_backbone(nn.Sequential(tower, nn.Linear(64, 32)))
    experiment = Experiment(replace(SETTINGS, stream=StreamSettings(batch_size=512)), whole, labelled_source(600))
    with pytest.raises(UserError, match=r"can't be cut into turns: 512 images .* batch size of at most (\d+)") as told:
        cost.check_cost(experiment, machine)
    fitting = int(str(told.value).split("at most ")[1].split(",")[0])
    smaller = replace(
        SETTINGS, stream=StreamSettings(batch_size=fitting), adaptation=AdaptationSettings(memory_shots=0)
    )
    assert cost.check_cost(Experiment(smaller, whole, labelled_source(600)), machine) > 0
    whole.batch_statistics = False  # the same tower by its source's statistics can be cut
    assert cost.check_cost(experiment, machine) > 0


def test_the_form_says_how_long_its_run_takes() -> None:
    estimate = partial(cost.estimate_html, Machine())
    assert "A run takes about" in estimate(readable({}))
    told = estimate(readable({"rates": "own", "learning_rate": 0.002}))
    chosen_rate, count = 0.002 * chosen()["cliptta"].rate, chosen()["cliptta"].steps
    assert f"CLIPTTA at {chosen_rate:g}, {count} steps" in told
    assert "Chosen on held-out corruptions" not in estimate(readable({}))
    assert "too-much" in cost.estimate_html(
        Machine(), readable({"backbone": "ViT-L-14/openai", "batch_size": 512, "batches": 80})
    )
    assert "too-much" not in estimate(readable({"backbone": "ViT-L-14/openai", "batches": 80}), "cuda")
    assert "is said when" in estimate(readable({"backbone": "ViT-B-32/laion2b_s34b_b79k"}))
    assert "><" in estimate(readable({"batches": None}))
