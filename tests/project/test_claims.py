"""The claims: how margins are computed, whether what was recorded still is what is installed, and the command."""

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from claims import RECORD, ROOT

from cliptta_demo.backend.methods.memory import ConfidentMemory
from cliptta_demo.cli import main
from cliptta_demo.page.lessons.lesson import Claim, lead, measure
from cliptta_demo.page.lessons.lessons import LESSONS, by_key
from cliptta_demo.research import fingerprint as prints
from cliptta_demo.research import measure as claims_command
from cliptta_demo.research.documents import DOCUMENTS
from cliptta_demo.research.fingerprint import METHODS, differences
from cliptta_demo.research.measure import all_studies, still_true
from cliptta_demo.research.record import MARGIN, Record, frame_of, to_text
from cliptta_demo.research.studies import COMBINATIONS, Combination, lesson_study

FIRST, SECOND = COMBINATIONS[:2]
GAIN = Claim(sentence="gains {}", quantity=lead("cliptta"), above=0.1)
CLAIMS = [(f"lesson-{lesson.key}", claim) for lesson in LESSONS for claim in lesson.claims] + [
    (study, claim) for document in DOCUMENTS.values() for study, claims in document.items() for claim in claims
]


@pytest.fixture(scope="module")
def present() -> dict:
    return prints.fingerprint()


def test_every_claim_has_its_margin_in_every_combination() -> None:
    for study, claim in CLAIMS:
        margins = RECORD.margins(study, claim)
        assert list(margins) == list(COMBINATIONS)
        low = {combination.words: margin for combination, margin in margins.items() if not margin >= MARGIN}
        assert low == {}, f"{study}: {claim.sentence}"


@pytest.mark.slow
def test_the_record_is_of_what_is_installed(present: dict) -> None:
    """Otherwise measure anew: python -m cliptta_demo claims --record docs."""
    assert differences(RECORD.fingerprint, present) == []
    assert RECORD.digests == {study.name: study.digest for study in all_studies()}


@pytest.mark.slow
def test_another_method_or_stream_is_noticed(present: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    def unbalanced(self: ConfidentMemory, size: int, classes: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randperm(len(self), generator=generator)[:size].sort().values

    monkeypatch.setattr(ConfidentMemory, "sample", unbalanced)
    assert differences(present, present | {"methods": prints.method_probe()}) == ["cliptta", "cliptta-oce"]
    brighter = {name: value + 0.5 * (name == "fog") for name, value in present["corruptions"].items()}
    assert differences(present, present | {"corruptions": brighter, "weights": "x"}) == ["weights", "fog"]


def runs_with(*gains: tuple[str, int, float]) -> pd.DataFrame:
    before = {"zero-shot": {"accuracy": 0.5}}
    return frame_of({(name, seed): before | {"cliptta": {"accuracy": 0.5 + gain}} for name, seed, gain in gains})


WHOLE = runs_with(
    ("none", 0, 0.0), ("fog", 0, 0.2), ("snow", 0, 0.4), ("none", 1, 0.0), ("fog", 1, 0.3), ("snow", 1, 0.5)
)


def test_a_margin_is_the_distance_beside_the_reach_of_the_interval_over_seeds() -> None:
    record = Record({}, {}, {"s": {FIRST.name: WHOLE}})
    reading = record.read("s", GAIN)
    assert reading.values.to_dict() == pytest.approx({0: 0.3, 1: 0.4})  # clean streams are left out
    assert (reading.mean, reading.error) == pytest.approx((0.35, 0.05))
    reach = 12.7062 * 0.05  # two seeds leave one degree of freedom
    assert record.margins("s", GAIN) == pytest.approx({FIRST: 0.25 / reach}, rel=1e-5)
    below = Claim(sentence="", quantity=lead("cliptta"), above=-1, below=0.4)
    assert record.margins("s", below)[FIRST] == pytest.approx(0.05 / reach, rel=1e-5)  # the nearer limit counts
    wrong = Claim(sentence="", quantity=lead("cliptta"), above=0.4)
    assert record.margins("s", wrong)[FIRST] == pytest.approx(-0.05 / reach, rel=1e-5)
    only_snow = Claim("", lead("cliptta"), where=lambda columns: columns["cliptta"]["accuracy"] > 0.85)
    assert record.read("s", only_snow).values.to_dict() == pytest.approx({0: 0.4, 1: 0.5})


def test_a_sample_shifts_the_mean_and_adds_its_error() -> None:
    record = Record({}, {}, {"s": {FIRST.name: WHOLE, SECOND.name: runs_with(("fog", 0, 0.23), ("snow", 0, 0.41))}})
    reading = record.read("s", GAIN, SECOND)
    assert reading.sampled
    assert reading.mean == pytest.approx(0.35 + 0.02)
    assert reading.error == pytest.approx(math.hypot(0.05, 0.01))
    assert reading.degrees == 1  # Welch and Satterthwaite: 1.08
    one = Record({}, {}, {"s": {FIRST.name: WHOLE, SECOND.name: runs_with(("fog", 0, 0.23))}})
    assert one.margins("s", GAIN)[SECOND] == 0  # one stream tells nothing of the spread


def test_seeds_that_fail_are_named_and_a_record_survives_its_file() -> None:
    record = Record({}, {}, {"s": {FIRST.name: runs_with(("fog", 4, 0.05), ("fog", 5, 0.2), ("fog", 6, 0.3))}})
    ceiling = Claim(sentence="", quantity=measure("accuracy", "cliptta"), below=0.75)
    assert record.failing_seeds("s", (GAIN, ceiling), FIRST) == [4, 6]
    text = (ROOT / "docs" / "claims.json").read_text(encoding="utf-8")
    assert to_text(RECORD) == text
    assert len(text) < 400_000


def test_a_combination_is_undone_whatever_happens() -> None:
    threads = torch.get_num_threads()
    inside = []
    with suppress(RuntimeError), Combination(threads + 1, "float32").backbone() as backbone:
        inside = [backbone.autocast, torch.get_num_threads()]
        raise RuntimeError
    assert inside == [None, threads + 1]
    assert torch.get_num_threads() == threads


def test_the_command_measures_prints_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = lesson_study(by_key("collapse"))
    short = replace(study.settings.stream, batches=1, batch_size=8)
    small = replace(study, settings=replace(study.settings, stream=short))
    monkeypatch.setattr(claims_command, "all_studies", lambda: [small])
    words = ["claims", "--out", str(tmp_path), "--lessons", "collapse", "--tables", "none", "--seeds", "0,1"]
    words += ["--threads", "1", "--precisions", "bfloat16"]
    main(words)
    first = capsys.readouterr()
    assert "lesson-collapse, 1 thread, bfloat16: 2/2  impulse_noise, seed 1: zero-shot" in first.err
    assert "of 2 with 1 thread, bfloat16" in first.out
    assert "| its accuracy climbs above zero-shot's | accuracy, CLIPTTA − zero-shot | above 0 |" in first.out
    kept = (tmp_path / "lesson-collapse" / "1-bfloat16" / "runs.jsonl").read_text()
    assert len(kept.splitlines()) == 2
    main(words)
    again = capsys.readouterr()
    assert (again.out, again.err) == (first.out, "")


def test_what_still_is_true_is_not_measured_again() -> None:
    path, print_ = ROOT / "docs" / "claims.json", RECORD.fingerprint
    whole = {study.name for study in all_studies()}
    assert set(still_true(path, RECORD)) == whole
    assert still_true(path, replace(RECORD, fingerprint=print_ | {"weights": "x"})) == {}
    moved = print_["methods"] | {"sar": [9.0] * len(print_["methods"]["tent"])}
    with_sar = {s.name for s in all_studies() if "sar" in {variant.method for variant in s.settings.variants}}
    assert with_sar
    compared = {variant.method for study in all_studies() for variant in study.settings.variants}
    assert compared - {"zero-shot"} == set(METHODS)  # each is probed
    assert set(still_true(path, replace(RECORD, fingerprint=print_ | {"methods": moved}))) == whole - with_sar
