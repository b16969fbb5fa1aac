"""What a Space, a container and a local install are told agrees: front matter, requirements, Dockerfile, guide."""

import re
from dataclasses import fields
from importlib.metadata import requires, version

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from paths import ROOT

from cliptta_demo.backend.models.weights import SAFE
from cliptta_demo.limits import BACKBONE_VARIABLE, DATASET_VARIABLE, Limits, variable
from cliptta_demo.page.form.reading import read_opening
from cliptta_demo.page.words.defaults import DEFAULTS

FRONT = yaml.safe_load((ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1])
GUIDE = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def requirements(name: str = "requirements.txt") -> dict[str, Requirement]:
    """Name → requirement of each line that asks for a package."""
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    found = (Requirement(line) for line in lines if line and not line.startswith("-"))
    return {requirement.name: requirement for requirement in found}


def test_the_front_matter_is_complete() -> None:
    assert FRONT["sdk"] == "gradio"
    assert FRONT["python_version"] in ("3.12.12", "3.10.13")  # in full, as ZeroGPU lists them
    assert Version(FRONT["python_version"]) >= Version("3.11")
    assert (ROOT / FRONT["app_file"]).is_file()
    assert FRONT["app_port"] == 7860  # of a Docker Space
    assert 0 < len(FRONT["short_description"]) <= 60
    assert all(FRONT[name] for name in ("title", "license", "emoji", "colorFrom", "colorTo", "tags"))
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+", model) for model in FRONT["models"])


def test_requirements_fit_what_is_installed_and_what_a_space_brings() -> None:
    """A Space brings ``spaces``, and with its gradio a ``huggingface_hub``, which the range here must allow."""
    ours = requirements()
    for name in ("torch", "torchvision", "open_clip_torch", "timm", "plotly", "pillow", "numpy", "gradio"):
        assert ours[name].specifier.contains(version(name), prereleases=True), name
    assert re.fullmatch(r"\d+\.\d+\.\d+", FRONT["sdk_version"])
    assert Version(FRONT["sdk_version"]) in ours["gradio"].specifier
    assert "spaces" not in ours
    (gradios,) = (Requirement(line) for line in requires("gradio") or () if line.startswith("huggingface-hub"))
    hub = ours["huggingface_hub"].specifier
    assert version("huggingface_hub") in hub & gradios.specifier

    def ends(bounds: SpecifierSet) -> set[Version]:
        return {Version(bound.version) for bound in bounds if bound.operator == "<"}

    assert ends(hub) == ends(gradios.specifier)
    (torch,), (vision,) = (ends(ours[name].specifier) for name in ("torch", "torchvision"))
    assert vision.minor == torch.minor + 15  # as they are released together


def test_the_container_is_unprivileged_and_asks_for_health() -> None:
    assert re.search(r"useradd .*--uid 1000", DOCKERFILE)
    assert DOCKERFILE.index("\nUSER user") < DOCKERFILE.index("pip install")
    assert not re.search(r"\nUSER root", DOCKERFILE)
    assert re.search(r"HEALTHCHECK[^\n]*\\\n[^\n]*/health", DOCKERFILE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY --chown=user (\S+)", DOCKERFILE, re.M)
    assert all(f"!{name}" in ignored for name in copied)


def test_the_guide_names_every_limit_with_its_default() -> None:
    for item in fields(Limits):
        assert f"| `{variable(item.name)}` | {getattr(Limits(), item.name):,} |" in GUIDE, item.name


def test_the_guide_opens_with_what_can_be_opened() -> None:
    given = dict(
        re.findall(r"(CLIPTTA_[A-Z]+)=(\S+)", GUIDE.split("## Opening with another model")[1].split("\n## ")[0])
    )
    form = read_opening(given)
    assert {BACKBONE_VARIABLE: form["backbone"], DATASET_VARIABLE: form["dataset"]} == given
    for name, default in ((BACKBONE_VARIABLE, DEFAULTS.backbone), (DATASET_VARIABLE, DEFAULTS.dataset)):
        assert f"| `{name}` | `{default}` |" in GUIDE


def test_a_visitor_without_an_account_may_run_twice_on_zero_gpu() -> None:
    """What a call asks for is counted 1.5 times, and a call that asks for more than is left of 120 s is refused."""
    assert 2 * 1.5 * Limits().gpu_seconds <= 120


def test_the_guide_preloads_the_one_file_that_is_loaded_and_pins_within_the_ranges() -> None:
    (line,) = re.findall(r"preload_from_hub:\n\s+- (.*)", GUIDE)
    repository, file = line.split()
    assert repository in FRONT["models"]
    assert file == SAFE[0]
    pins = dict(re.findall(r"^\s+(torch|torchvision)==([\d.]+)\.\*", GUIDE, re.M))
    assert set(pins) == {"torch", "torchvision"}
    assert all(requirements()[name].specifier.contains(f"{pin}.0") for name, pin in pins.items())
