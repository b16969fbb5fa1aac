"""What a panel of the stage is: said once in the file that draws it, and read in loops by page, view and example."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import Says
from cliptta_demo.page.session.state import Session


@dataclass(frozen=True, kw_only=True)
class Panel(Says):
    """One panel.

    Attributes:
        name: its id in the page, and the name of the script that draws it (``cliptta.kinds``).
        title, sentence: heading, and one sentence of explanation.
        waiting: data before the first batch, or for good; none where the script has the words for it.
        draw: a session whose run has begun → plain numbers for the script, as its return type says; None for a panel
            that no batch changes. Where it is ``live``, it takes the step at work as its second argument and is drawn
            inside a batch too.
        server: a function that its script calls on the server.
        folded: whether it opens when it is asked for.
    """

    name: str
    title: str
    sentence: str
    waiting: Any = None
    draw: Callable[..., Any] | None = None
    live: bool = False
    server: Callable[..., Any] | None = None
    folded: bool = False

    def value(self, session: Session | None, step: LiveStep | None = None) -> str:
        """What the script reads, as JSON text."""
        if session is None or self.draw is None:
            return to_json(self.waiting or {})
        return to_json(self.draw(session, step) if self.live else self.draw(session))


def to_json(data: dict[str, Any] | list[Any]) -> str:
    """Compact JSON; refuses NaN, which no browser would parse."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
