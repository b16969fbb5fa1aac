"""Settings as options of the command line: made from their declarations, and read back."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cliptta_demo.backend.declare import Declared, Setting, check_choice, settings_of
from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.backend.own_settings import build_own, own_declared
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings, method_names

OPEN_SET_SHARE = 0.5  # the paper's, wherever strangers are named and no share is


def add_stream_options(parser: argparse.ArgumentParser, without: Sequence[str] = (), **own: tuple[Any, str]) -> None:
    """Adds the settings of a stream; the share of strangers follows ``--ood``, which is the command's own.

    Args:
        without: names that the command sets by itself; own: name → default and help, where they are the command's.
    """
    for name, setting in settings_of(StreamSettings).items():
        if name not in without:
            default, spoken = own.get(name, (None if name == "ood_share" else setting.default, setting.spoken))
            _add(parser, setting.changed(spoken=spoken), default)


def read_stream(arguments: argparse.Namespace) -> StreamSettings:
    """The stream that the words ask for; what the command does not offer is at its default."""
    names = [name for name in settings_of(StreamSettings) if hasattr(arguments, name)]
    values = {name: getattr(arguments, name) for name in names}
    if values["ood_share"] is None:
        values["ood_share"] = OPEN_SET_SHARE if arguments.ood else 0.0
    return StreamSettings(**values)


def check_writable(path: Path) -> None:
    """Raises :class:`UserError` unless a file can be written there; its folder is made where it is missing."""
    there = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
        if not there:
            path.unlink()
    except OSError as error:
        raise UserError(f"'{path}' can't be written ({error.strerror}): choose another place.") from None


def check_folder(path: Path) -> None:
    """Raises :class:`UserError` unless files can be written into this folder, which is made where it is missing."""
    check_writable(path / "probe.partial")


def add_adaptation_options(parser: argparse.ArgumentParser) -> None:
    """Adds the settings of adaptation, and ``--set`` for those of single methods."""
    tuning = parser.add_argument_group("adaptation (default: the backbone's own values)")
    for setting in settings_of(AdaptationSettings).values():
        _add(tuning, setting, None)
    tuning.add_argument(
        "--set", action="append", default=[], metavar="METHOD.SETTING=VALUE", help="a setting of one method's own"
    )


def read_adaptation(arguments: argparse.Namespace, usual: AdaptationSettings) -> AdaptationSettings:
    """The backbone's ``usual`` settings with what the words change."""
    given = {name: getattr(arguments, name) for name in settings_of(AdaptationSettings)}
    return replace(usual, **{name: value for name, value in given.items() if value is not None})


def read_own(words: Sequence[str]) -> dict[str, Declared]:
    """Method → its own settings, from the values of ``--set``; raises :class:`UserError`."""
    values = {}
    for text in words:
        check_choice("set", text.partition(".")[0], method_names())
        known = own_declared()  # asks the methods, which are slow to load
        name, equals, value = text.partition("=")
        if name not in known or not equals:
            listed = f"a setting out of: {', '.join(known)}" if known else "a setting; no method has any of its own"
            raise UserError(f"set is {quoted(text)}; write METHOD.SETTING=VALUE with {listed}.")
        try:
            values[name] = known[name].parse(value)
        except ValueError as error:
            raise UserError(f"{name} is {quoted(value)}; it must be {error}.") from None
    return build_own(values)


def _add(parser: argparse._ActionsContainer, setting: Setting, default: Any) -> None:
    words, closed = setting.values, not callable(setting.choices)
    help = setting.spoken.format(", ".join(words)) or None
    option: dict[str, Any] = {"dest": setting.name, "default": default, "help": help}
    if setting.kind is bool:
        option |= {"action": "store_const", "const": True}
    elif setting.kind is str and closed:
        option["choices"] = words
    else:
        option |= {"type": setting.kind, "metavar": setting.word.upper().replace("-", "_")}
    parser.add_argument(f"--{setting.word}", **option)
