"""The adapted weights of a run, for the browser to save."""

from __future__ import annotations

import base64

from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.adapted_weights import as_archive, saved_files
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.runs.remote_runs import asked
from cliptta_demo.page.session.state import Session


def weights_download(session: Session | None) -> str:
    """A zip with a file for each method that adapts the tower; empty before the first batch."""
    if session is None or session.snapshot is None:
        return ""
    text = base64.b64encode(asked(session.recipe.backbone, _archive, session)).decode()
    return to_json({"name": "cliptta-weights.zip", "type": "application/zip", "text": text, "packed": True})


def _archive(session: Session) -> bytes:
    backbone = load_backbone(session.recipe.backbone, visitor=True)
    return as_archive(saved_files(backbone, session.recipe.settings, session.state.to(backbone.device)))
