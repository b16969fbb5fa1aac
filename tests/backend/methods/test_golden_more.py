"""DeYO, BATCLIP, Mint and RDumb beside numbers computed with their authors' released implementations."""

from typing import Any

import numpy as np
import pytest
import torch
from golden_methods import NEAR, STREAMS, Case, follow, golden, made
from torch import Tensor

from cliptta_demo.backend.methods.deyo import Deyo
from cliptta_demo.backend.methods.losses import max_log_probability


def compare(name: str, stream: str, batch: int, found: dict[str, Any]) -> None:
    """What was found of a batch with what the file has of it, as far as that tells it: NaN stands for nothing."""
    for key, ours in found.items():
        theirs = golden()[f"{name}/{stream}/{key}"][batch]
        told, ours = ~np.isnan(theirs), np.asarray(ours)
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours[told], theirs[told], atol=NEAR, rtol=0, err_msg=f"{key}, {batch}")


@pytest.mark.parametrize("stream", STREAMS)
def test_rdumb_is_eta_and_starts_anew(stream: str) -> None:
    """After ten steps, which are two batches, the third is a start's first."""
    method, eta, state = made(Case("rdumb", {"restart": 10}), stream), made(Case("eta"), stream), None
    for batch, (moments, losses) in enumerate(follow(method, stream)):
        last = moments[-1]
        if batch < 2:
            compare("eta_orig", stream, batch, {"logits": last.cosines, "losses": losses})
            continue
        *_, anew = eta.adapt(torch.from_numpy(golden()[f"{stream}/images"][batch]).float(), state, 0)
        state = anew.state
        assert torch.equal(last.cosines, anew.cosines)
        assert torch.equal(last.state.second_moment, state.second_moment)
        assert torch.equal(last.state.kept["average"], state.kept["average"])


DEYO = {
    "deyo": {},
    "deyo_low": {"threshold": 0.0125},
    "deyo_fine": {"patches": 8},
    "deyo_occ": {"broken": "covered"},
}


@pytest.mark.parametrize(("name", "stream"), [(name, stream) for name in DEYO for stream in STREAMS])
def test_deyo(name: str, stream: str) -> None:
    """With the file's orders of the patches; no step is no step of Adam either."""
    drops: list[Tensor] = []
    kept: list[Tensor] = []

    class Watched(Deyo):
        def orders(self, count: int, seed: int, step: int) -> Tensor:
            given = golden()[f"{name.replace('_low', '')}/{stream}/permutations"]
            return torch.from_numpy(given[seed, step]).long()

        def chosen(self, entropies: Tensor, drop: Tensor) -> Tensor:
            drops.append(drop)
            kept.append(super().chosen(entropies, drop))
            return kept[-1]

    method = made(Case(Watched, {"patches": 4, **DEYO[name]}), stream)
    for batch, (moments, losses) in enumerate(follow(method, stream)):
        last, steps = moments[-1], slice(5 * batch, None)
        found = {"logits": last.cosines, "scores": max_log_probability(last.cosines), "returned": moments[-2].cosines}
        compare(name, stream, batch, {**found, "losses": losses, "plpd": torch.stack(drops[steps])})
        assert np.array_equal(torch.stack(kept[steps]), golden()[f"{name}/{stream}/kept"][batch])
    taken = np.isfinite(golden()[f"{name}/{stream}/losses"]).sum()
    assert (int(last.state.updates), int(last.state.skipped)) == (taken, 0)
    np.testing.assert_allclose(last.state.values, golden()[f"{name}/{stream}/norm_params"], atol=NEAR, rtol=0)
    assert (name == "deyo") == torch.equal(last.state.values, method.backbone.source_parameters)


BATCLIP = {"batclip": "batclip", "batclip_image": "batclip-image"}


@pytest.mark.parametrize(("name", "stream"), [(name, stream) for name in BATCLIP for stream in STREAMS])
def test_batclip(name: str, stream: str) -> None:
    """Both towers, and the image tower alone."""
    method = made(Case(BATCLIP[name]), stream)
    method.prototypes = method.backbone.prototypes(method.task.class_names, method.task.templates)
    for batch, (moments, losses) in enumerate(follow(method, stream)):
        last = moments[-1]
        captions = method.captions(method.passes(method.predictor(last.state))).detach()
        found = {"logits": last.cosines, "scores": max_log_probability(last.cosines), "returned": moments[-2].cosines}
        compare(name, stream, batch, {**found, "losses": losses, "text_prototypes": captions})
    image, text = last.state.values.split([768, len(last.state.values) - 768])
    np.testing.assert_allclose(image, golden()[f"{name}/{stream}/norm_params"], atol=NEAR, rtol=0)
    expected = golden().get(f"{name}/{stream}/text_norm_params", np.empty(0))
    np.testing.assert_allclose(text, expected, atol=NEAR, rtol=0)


MINT = {"mint": {}, "mint_100": {"prior": 100}}


@pytest.mark.parametrize(("name", "stream"), [(name, stream) for name in MINT for stream in STREAMS])
def test_mint(name: str, stream: str) -> None:
    """Also what it adds up from batch to batch."""
    method = made(Case("mint", MINT[name], prototypes="mint/prototypes"), stream)
    for batch, (moments, losses) in enumerate(follow(method, stream)):
        last = moments[-1]
        kept, values = last.state.kept, last.state.values
        found = {"logits": last.cosines, "scores": max_log_probability(last.cosines), "losses": losses}
        compare(name, stream, batch, {**found, "norm_params": values, "gradient": kept["gradient"]})
        assert np.array_equal(
            [kept[when].counts for when in ("before", "after")], golden()[f"{name}/{stream}/counts"][batch]
        )
