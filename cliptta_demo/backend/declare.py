"""How a setting is declared: one field of a class that says all there is to say of it.

    class Settings(Declared):
        shots: int = whole(3, 1, 16, "the release's", label="Shots", help="Images kept per class.", mark="{} shots")

Everything else is a loop over :func:`settings_of`: the check, the widget, the link, the API, the options of the command
line, the mark on the curves, the reasons of a restart, and the table in docs/settings.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import MappingProxyType
from typing import Any, dataclass_transform

from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.languages import Says, Text, say

Options = Mapping[str, str]  # value → label
Choices = Mapping[str, str | Callable[[], str]]  # the same, or a function that says it
_KEY = "setting"
_KINDS = {float: Text("a number"), int: Text("a whole number"), bool: Text("true or false")}


def check_number(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
    """Raises :class:`UserError` unless ``low ≤ value ≤ high`` (and a whole number where asked)."""
    right_type = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if right_type and low <= value <= high:  # NaN is in no range
        return
    about = {"name": name, "value": quoted(value), "kind": _KINDS[int if whole else float]}
    about |= {"low": low, "high": high} if whole else {"low": f"{low:g}", "high": f"{high:g}"}
    raise UserError("{name} is {value}; it must be {kind} from {low} to {high}.", **about)


def check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Raises :class:`UserError` unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        about = {"name": name, "value": quoted(value), "allowed": ", ".join(allowed)}
        raise UserError("{name} is {value}; it must be one of: {allowed}.", **about)


@dataclass(frozen=True, kw_only=True)
class Setting(Says):
    """All that is said of one setting.

    Attributes:
        name, default: the field's; why: the reason of the default.
        kind: float, int, bool, or str for a choice.
        low, high: the range of a number; choices: of a choice, a function where more can be registered.
        label, help: of its widget; one without a label has none, and keeps the backbone's value on the page.
        group: the part of the form: "shift", "schedule", "stream" or "advanced"; slider, step: of the widget.
        spoken: its option's help on the command line, {} for the choices; option: the option's word, "" for the name.
        mark: words on the curves where it changed in the middle of a run: a format of the value, or a function of all
            the settings.
        restart: what changed, as in "the seed", where a run can't go on with another value.
    """

    name: str = ""
    default: Any
    why: str = ""
    kind: type
    low: float = 0
    high: float = 0
    choices: Choices | Callable[[], Choices] = field(default_factory=dict)
    label: str = ""
    help: str = ""
    group: str = "advanced"
    slider: bool = False
    step: float = 0.001
    spoken: str = ""
    option: str = ""
    mark: str | Callable[[Any], str] = ""
    restart: str = ""

    @property
    def has_widget(self) -> bool:
        """Whether it has a label; nothing is said."""
        return bool(vars(self)["label"])

    @property
    def options(self) -> Options:
        """Value → label of a choice."""
        return {value: label() if callable(label) else say(label) for value, label in self._choices.items()}

    @property
    def values(self) -> tuple[str, ...]:
        """Of a choice."""
        return tuple(self._choices)

    @property
    def _choices(self) -> Choices:
        return self.choices() if callable(self.choices) else self.choices

    @property
    def word(self) -> str:
        """The option on the command line, without the leading dashes."""
        return self.option or self.name.replace("_", "-")

    @property
    def allowed(self) -> str:
        """The values in words, as in "0 to 1"."""
        if self.kind is str:
            return ", ".join(self.values)
        return say(_KINDS[bool]) if self.kind is bool else say("{low} to {high}", low=self.low, high=self.high)

    @property
    def schema(self) -> dict[str, Any]:
        """The values as JSON Schema says them."""
        if self.kind is str:
            return {"type": "string", "enum": list(self.values)}
        if self.kind is bool:
            return {"type": "boolean"}
        return {"type": "integer" if self.kind is int else "number", "minimum": self.low, "maximum": self.high}

    def check(self, value: Any, name: str = "") -> None:
        """Raises :class:`UserError` for a value that is none of its own; ``name`` stands for it there."""
        name = name or self.name
        if self.kind is str:
            check_choice(name, value, self.values)
        elif self.kind is not bool:
            check_number(name, value, self.low, self.high, whole=self.kind is int)
        elif not isinstance(value, bool):
            raise UserError("{name} is {value}; it must be true or false.", name=name, value=quoted(value))

    def parse(self, text: str, flags: Mapping[str, bool] = MappingProxyType({"true": True, "false": False})) -> Any:
        """The value that a text stands for, unchecked; ``flags``: how a switch is written.

        Raises:
            UserError: it is none; the error's words say what it must be, as in "a whole number".
        """
        try:
            return flags[text] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError):
            first, second = flags
            either = Text("{first} or {second}", first=first, second=second)
            raise UserError(either if self.kind is bool else _KINDS[self.kind]) from None

    def whole(self, value: Any) -> Any:
        """A form's 64.0 is 64 where whole numbers are asked for; all else stays as it is, for the check to refuse."""
        return int(value) if self.kind is int and isinstance(value, float) and value.is_integer() else value

    def mark_of(self, settings: Any) -> str:
        """The words on the curves; ``settings``: those that it is one of."""
        return self.mark(settings) if callable(self.mark) else self.mark.format(getattr(settings, self.name))


def number(default: float, low: float, high: float, why: str = "", **about: Any) -> Any:
    """A field that is a number in a range; ``about``: what else :class:`Setting` holds."""
    return _field(Setting(kind=float, default=default, low=low, high=high, why=why, **about))


def whole(default: int, low: int, high: int, why: str = "", **about: Any) -> Any:
    """A field that is a whole number in a range."""
    return _field(Setting(kind=int, default=default, low=low, high=high, why=why, **about))


def choice(default: str, choices: Choices | Callable[[], Choices], why: str = "", **about: Any) -> Any:
    """A field that is one of some words, given with their labels."""
    return _field(Setting(kind=str, default=default, choices=choices, why=why, **about))


def switch(default: bool, why: str = "", **about: Any) -> Any:
    """A field that is true or false."""
    return _field(Setting(kind=bool, default=default, why=why, **about))


def _field(setting: Setting) -> Any:
    return field(default=setting.default, metadata={_KEY: setting})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(number, whole, choice, switch))
class Declared:
    """Base of settings: a class derived from it is a frozen dataclass of its declared fields.

    Their values are checked when one is made, whatever a form or an address may claim.
    """

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)
        settings_of(cls)  # raises TypeError for a field that is not declared

    def __post_init__(self) -> None:
        for name, setting in settings_of(type(self)).items():
            setting.check(getattr(self, name))


@cache
def settings_of(settings: type) -> dict[str, Setting]:
    """Name → declaration of each field, in order.

    Raises:
        TypeError: a field that is not declared.
    """
    if plain := [item.name for item in fields(settings) if _KEY not in item.metadata]:
        raise TypeError(f"{settings.__name__} does not declare {', '.join(plain)}: see {__name__}.")
    return {item.name: item.metadata[_KEY].changed(name=item.name) for item in fields(settings)}


def unusual(settings: Declared) -> dict[str, Any]:
    """The settings that are not at their defaults, by name."""
    known = settings_of(type(settings)).items()
    return {name: value for name, item in known if (value := getattr(settings, name)) != item.default}
