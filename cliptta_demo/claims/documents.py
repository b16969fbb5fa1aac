"""What the README and the model card claim, and the tables behind it."""

from __future__ import annotations

from cliptta_demo.claims.claim import Claim
from cliptta_demo.claims.studies import Study

TABLES: dict[str, Study] = {}
README: dict[str, tuple[Claim, ...]] = {}
MODEL_CARD: dict[str, tuple[Claim, ...]] = {}
DOCUMENTS = {"README": README, "Model card": MODEL_CARD}
