"""The panel of the toy: three classes, two losses, and points that a person drags."""

import logging
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.insight import TOY_LOSSES, toy_paths
from cliptta_demo.languages import Text, say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import entries
from cliptta_demo.page.words.texts import FAILED

log = logging.getLogger(__name__)


def toy(question: Any) -> dict[str, Any]:
    """The toy's server side: paths of the dragged points under both losses, or a sentence that says what is wrong.

    ``question`` is ``{"points": [[p, p, p], …], "steps": n}``, unchecked, as a browser sent it.
    """
    asked = question if isinstance(question, dict) else {}
    try:
        paths = toy_paths(asked.get("points"), asked.get("steps", 40), rate=0.25)
        return {
            name: [[[round(p, 4) for p in row] for row in position] for position in path]
            for name, path in paths.items()
        }
    except UserError as error:
        return {"error": str(error)}
    except Exception:
        log.exception("the toy failed")
        return {"error": say(FAILED)}


PANEL = Panel(
    name="toy",
    title=Text("Three classes, two losses"),
    sentence=Text(
        "A point is one image's prediction: near a corner is certain. Drag points, or move them by the arrow "
        "keys; arrows show where each loss pulls. "
        "TENT pulls every point on its own; CLIPTTA's pull depends on what the rest of the batch is called."
    ),
    waiting=entries(TOY_LOSSES),
    server=toy,
)
