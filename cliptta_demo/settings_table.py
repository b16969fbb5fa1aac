"""The table of all settings, from their declarations: ``python -m cliptta_demo settings`` prints docs/settings.md."""

from collections.abc import Mapping
from typing import Any

from cliptta_demo.backend.declare import Setting, settings_of
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.own_settings import own_declared
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings

HEAD = """# Settings

Written by `python -m cliptta_demo settings` from `cliptta_demo/backend/settings.py`, where each setting is declared.

The names are those of links, of the API, of `--json` and of Python. In a link a switch is 0 or 1, and what is not there
is as the page opens; a setting without a place there is in none. For adaptation each backbone brings values of its
own: `backbone.info.adaptation`. Where a paused run goes on with another value, the change is marked on the curves.
"""
COLUMNS = ("name", "default", "values", "on the command line", "what it is", "changed while a run is paused")


def settings_page() -> str:
    """The whole page as Markdown."""
    parts = {
        "The stream": settings_of(StreamSettings),
        "Adaptation": settings_of(AdaptationSettings),
        "Of single methods": own_declared(),
    }
    return HEAD + "".join(f"\n## {title}\n\n{_table(settings)}" for title, settings in parts.items() if settings)


def _table(settings: Mapping[str, Setting]) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(name, setting) for name, setting in settings.items())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(name: str, setting: Setting) -> tuple[str, ...]:
    own = "." in name
    about = ". ".join(text for text in (setting.label or setting.spoken.capitalize(), setting.help) if text)
    users = [] if own else [kind.label for kind in METHODS.values() if name in kind.uses]
    return (
        f"`{name}`",
        f"{_plain(setting.default)} ({setting.why})" if setting.why else _plain(setting.default),
        setting.allowed,
        f"`--set {name}=…`" if own else f"`--{setting.word}`",
        " ".join([f"{about.rstrip('.')}.", *([f"Used by {', '.join(users)}."] if users else ())]),
        "the run starts anew" if setting.restart else "it goes on",
    )


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
