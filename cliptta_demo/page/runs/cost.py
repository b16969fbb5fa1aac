"""What a run will take of time and memory, said before it begins; and what is too much for a page that many share."""

import html
from functools import partial

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.methods.recorded import chosen, with_chosen
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import DEFAULT_TEMPLATES, Backbone
from cliptta_demo.backend.models.offered import entry_of, label_of
from cliptta_demo.backend.own_settings import name_for
from cliptta_demo.backend.run.arithmetic import Cost, RunSize, Towers, Turn, cost_of, duration
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import Text, say, say_count
from cliptta_demo.limits import GPU_TIMES, MB, Limits
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.session.state import Recipe

UNKNOWN = Text("How long it will take is said when the model is loaded.")


def turn_of(backbone: Backbone, machine: Machine) -> Turn:
    """How much of a backbone's work one turn holds: counted on an image, which is a turn's work itself."""
    with machine.scheduler.joined() as share:
        towers = share.call(partial(Towers.of, backbone))
    return towers.turn(machine.limits.turn_gigaflops * _times(backbone.device.type))


def check_cost(experiment: Experiment, machine: Machine) -> float:
    """Seconds that the whole run will take on this machine, about.

    Raises:
        UserError: it is more than this page works on, or a batch that can't be cut is too large for one turn.
    """
    backbone, cost = experiment.backbone, experiment.cost
    times = _times(backbone.device.type)
    largest = machine.limits.pass_gigaflops * times
    if backbone.mixes_images and cost.largest_pass > largest:
        size = experiment.settings.stream.batch_size
        fitting = int(size * largest / cost.largest_pass)
        raise UserError(
            "{name} normalises over the whole batch, which can't be cut into turns: {size} images and the memory "
            "are too many on this page. Choose a batch size of at most {most}, or another backbone.",
            name=label_of(backbone.info.name),
            size=size,
            most=max(1, fitting),
        )
    _refuse_long(backbone.info.name, cost, times, machine)
    return machine.pace.seconds(backbone.info.name, cost.total)


def check_size(size: RunSize, recipe: Recipe, classes: int, limits: Limits) -> None:
    """Raises :class:`UserError`, with settings, amount and limit, for a run that may grow too large."""
    stream = recipe.settings.stream
    about = {"side": size.size, "kept": megabytes(size.kept), "batches": stream.batches, "images": stream.batch_size}
    about |= {"shots": recipe.settings.adaptation.memory_shots, "classes": classes}
    largest = max(size.memory, size.uploads, size.rest)
    if size.memory == largest:
        what = Text("{shots} shots × {classes} classes at {side} pixels keep up to {kept}", **about)
        way = Text("fewer shots, classes or batches")
    elif size.uploads == largest:
        what = Text("Your images take {kept} at {side} pixels", **about)
        way = Text("fewer images or a smaller backbone")
    else:
        what = Text("Results of {batches} batches of {images} images take up to {kept}", **about)
        way = Text("fewer batches or smaller ones")
    alone = Text("{what}; this page keeps at most {most} per visitor: choose {way}.")
    at_work = Text(
        "Batches of {images} images at {side} pixels need up to {need} while the run is at work; this server "
        "has {most} for all visitors: choose a smaller batch size or backbone, or {way}."
    )
    most, most_of_all = limits.session_megabytes * MB, limits.sessions_megabytes * MB
    for need, bound, words in ((size.kept, most, alone), (size.kept + size.working, most_of_all, at_work)):
        if need > bound:
            raise UserError(words, **about, what=what, way=way, need=megabytes(need), most=megabytes(bound))


def estimate_html(machine: Machine, recipe: Recipe | None = None, device: str = "cpu") -> str:
    """A line on how long the form's run will take on this machine, once that makes sense."""
    if recipe is None:
        return _line("")
    cost = listed_cost(recipe)
    if cost is None:
        return _line(say(UNKNOWN))
    try:
        _refuse_long(recipe.backbone, cost, _times(device), machine)
    except UserError as error:
        return _line(str(error), "too-much")
    time = duration(machine.pace.seconds(recipe.backbone, cost.total))
    return _line(say("A run takes about {time} on this machine.", time=time) + chosen_words(recipe.settings))


def chosen_words(settings: RunSettings) -> str:
    """Behind the estimate, where each method runs at its own rate: at which, and how that was chosen."""
    if settings.adaptation.rates == "same":
        return ""
    told = []
    for name in (name for name in settings.methods if name in chosen()):
        own = with_chosen(settings, name).flat()
        about = {"method": METHODS[name].label, "rate": own[name_for(name, "learning_rate")]}
        if (steps := name_for(name, "steps")) is None:
            words = say("{method} at {rate:g}", **about)
        else:
            words = say_count(
                "{method} at {rate:g}, {count} step", "{method} at {rate:g}, {count} steps", own[steps], **about
            )
        told.append(words)
    return " " + say("Chosen on held-out corruptions: {methods}.", methods="; ".join(told)) if told else ""


def seconds_per_batch(machine: Machine, recipe: Recipe) -> float | None:
    """How long a run's batches will take on this machine, about; None where that can't be told."""
    cost = listed_cost(recipe)
    return machine.pace.seconds(recipe.backbone, cost.batch) if cost is not None else None


def listed_cost(recipe: Recipe) -> Cost | None:
    """None for a backbone whose arithmetic is counted when it is loaded."""
    entry = entry_of(recipe.backbone)
    if entry is None:
        return None
    towers = Towers(entry.gigaflops, entry.prompt_gigaflops)
    templates = len(recipe.templates) or len(DEFAULT_TEMPLATES)
    return cost_of(recipe.settings, towers, max(2, len(recipe.class_names)), templates)


def _refuse_long(name: str, cost: Cost, times: int, machine: Machine) -> None:
    most = 1000 * machine.limits.run_teraflops * times
    if cost.total <= most:
        return
    prompts, batches = Text("fewer classes or prompt templates"), Text("fewer batches, steps or methods")
    raise UserError(
        "This run would take about {time} on this machine, {times:.1f} times what one run may take on this page. "
        "Choose {less}, a smaller batch size or a smaller backbone.",
        time=duration(machine.pace.seconds(name, cost.total)),
        times=cost.total / most,
        less=prompts if cost.prompts > most / 2 else batches,
    )


def _times(device: str) -> int:
    return 1 if device == "cpu" else GPU_TIMES


def _line(text: str, kind: str = "quiet") -> str:
    return f'<p class="estimate {kind}" data-testid="estimate">{html.escape(text)}</p>'
