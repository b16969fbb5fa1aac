"""What one visitor's session owns and costs on the paper's model, and that it moves between processes."""

import pickle
import threading
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch
from helpers import OWN_SETTINGS, SHAPES, labelled_source, method_of, random_images, small_backbone
from paths import ROOT, TESTS
from warm import run_code

from cliptta_demo.backend.data.stream import THREADS, AheadOfTime, Stream
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.adaptation import AdaptationState
from cliptta_demo.backend.run.experiment import Experiment, RunState
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

SETTINGS = RunSettings(
    methods=SHAPES,
    stream=StreamSettings(batch_size=6, batches=4, corruption="fog", severity=3),
    adaptation=AdaptationSettings(learning_rate=1e-3, steps=2, memory_sample=6),
    own=OWN_SETTINGS,
)


def test_a_session_on_vit_b_16_is_small() -> None:
    """Weights of the normalisation layers, Adam's moments, α, counters; the memory bank is 8-bit pixels."""
    backbone, settings = small_backbone(), AdaptationSettings(steps=1, memory_shots=2, memory_sample=2)
    method = method_of("cliptta-oce", backbone, backbone.prototypes(("cat", "dog")), settings)
    *_, last = method.adapt(random_images(3), method.start(), 0)
    state: AdaptationState = last.state
    without_memory, moments = len(pickle.dumps(replace(state, kept={}))), 3 * 4 * backbone.layout.size
    assert moments < without_memory < moments + 10_000  # θ and both moments, all of them
    with torch.device("meta"):
        vit = open_clip.create_model("ViT-B-16", device="meta")
    weights = [module.weight for module in vit.visual.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert 3 * 4 * sum(2 * weight.numel() for weight in weights) + 10_000 < 1_000_000
    assert state.kept["memory"].images.dtype == torch.uint8
    assert len(pickle.dumps(state)) - without_memory < 1.1 * state.kept["memory"].images.numel() + 10_000


def run_from(state: RunState | None, stop: int) -> tuple[RunState, dict]:
    experiment = Experiment(SETTINGS, small_backbone(), labelled_source())
    state = state or experiment.start()
    snapshot = None
    while state.next_batch < stop:
        *_, (state, snapshot) = experiment.advance(state, live=False)
    return state, {name: (m.accuracy, m.batch.scores.tobytes()) for name, m in snapshot.methods.items()}


OTHER_PROCESS = """
import pickle, sys
sys.path[:0] = {folders!r}
import torch
torch.set_num_threads({threads})
from test_sessions import run_from
state, numbers = run_from(pickle.load(open({path!r}, "rb")), 4)
pickle.dump((state, numbers), open({path!r}, "wb"))
"""


def test_a_run_split_over_two_processes_equals_the_unsplit_run(tmp_path: Path) -> None:
    whole, numbers = run_from(None, 4)
    half, _ = run_from(None, 2)
    path = tmp_path / "state.pickle"
    path.write_bytes(pickle.dumps(half.to("cpu")))
    folders = [str(folder) for folder in (Path(__file__).parent, TESTS, ROOT)]
    status, text = run_code(OTHER_PROCESS.format(folders=folders, threads=torch.get_num_threads(), path=str(path)))
    assert status == 0, text[-3000:]
    resumed, resumed_numbers = pickle.loads(path.read_bytes())
    assert resumed_numbers == numbers
    for name, state in whole.adaptations.items():
        if state is not None:
            assert torch.equal(state.values, resumed.adaptations[name].values)
            assert torch.equal(state.second_moment, resumed.adaptations[name].second_moment)
        if name.startswith("cliptta"):
            assert torch.equal(state.kept["memory"].images, resumed.adaptations[name].kept["memory"].images)


def test_a_failure_inside_a_step_leaves_backbone_and_session_as_before() -> None:
    backbone = small_backbone()
    weights = {key: value.clone() for key, value in backbone.tower.state_dict().items()}
    method = method_of("cliptta", backbone, backbone.prototypes(("a", "b", "c")), SETTINGS.adaptation)
    *_, first = method.adapt(random_images(6), method.start(), 0)
    before = pickle.dumps(first.state)
    *_, expected = method.adapt(random_images(6, seed=1), first.state, 1)
    passes = iter((None, ValueError("cut off")))

    def fail(module: torch.nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        if error := next(passes):
            raise error

    with backbone.tower.register_forward_hook(fail), pytest.raises(ValueError, match="cut off"):
        list(method.adapt(random_images(6, seed=1), first.state, 1))
    assert pickle.dumps(first.state) == before
    assert all(torch.equal(value, weights[key]) for key, value in backbone.tower.state_dict().items())
    *_, again = method.adapt(random_images(6, seed=1), first.state, 1)
    assert torch.equal(again.cosines, expected.cosines)


def test_the_next_batch_is_made_meanwhile_and_is_the_same() -> None:
    plain = Stream(labelled_source(), SETTINGS.stream, 32)
    ahead = AheadOfTime(Stream(labelled_source(), SETTINGS.stream, 32))
    for index in (0, 1, 2, 0, 3, 1):  # jumps too
        assert torch.equal(ahead.batch(index).images.pixels, plain.batch(index).images.pixels)
    assert not ahead._next or list(ahead._next) == [2]


def test_the_next_batch_is_begun_before_it_is_asked_for_and_its_error_waits() -> None:
    made: dict[int, threading.Event] = {index: threading.Event() for index in range(4)}

    class Watched(Stream):
        def batch(self, index: int):
            made[index].set()
            if index == 1:
                raise UserError("The folder has gone.")
            return super().batch(index)

    ahead = AheadOfTime(Watched(labelled_source(), SETTINGS.stream, 32))
    ahead.batch(0)
    assert made[1].wait(timeout=60)
    assert not made[2].is_set()
    with pytest.raises(UserError, match="The folder has gone"):
        ahead.batch(1)
    assert len(ahead.batch(2).images) == 6


def test_nobody_waits_for_the_slow_disk_of_somebody_else() -> None:
    """As many streams as there are threads for the next batch are stuck reading; another gets all of its own."""
    stuck, go_on = threading.Semaphore(0), threading.Event()

    class Stuck(Stream):
        def batch(self, index: int):
            if index == 1:
                stuck.release()
                assert go_on.wait(60)
            return super().batch(index)

    slow = [AheadOfTime(Stuck(labelled_source(), SETTINGS.stream, 32)) for _ in range(THREADS)]
    try:
        for ahead in slow:
            ahead.batch(0)
            assert stuck.acquire(timeout=60)
        quick = AheadOfTime(Stream(labelled_source(), SETTINGS.stream, 32))
        assert [len(quick.batch(index).images) for index in range(4)] == [6] * 4
    finally:
        go_on.set()
    assert all(len(ahead.batch(1).images) == 6 for ahead in slow)
