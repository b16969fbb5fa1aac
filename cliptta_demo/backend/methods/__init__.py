"""The methods of test-time adaptation, and what they are made of: losses, scores, memory, optimiser.

To add a method, write its file and import it here, where the order is the one in which they are offered. Its class
derives from :class:`.base.Method` or :class:`.base.AdaptingMethod`, says of itself what a person wants to know, and is
decorated with :func:`.registry.register`.
"""

# isort: off
from cliptta_demo.backend.methods import (  # noqa: F401
    tent,
    cliptta,
    batch_statistics,
    reliable,
    rdumb,
    deyo,
    open_set,
    captions,
    batclip,
    fret,
    mint,
    replay,
    tda,
    training_free,
    stata,
    single,
    tps,
    adand,
)

from cliptta_demo.backend.plugins import load_plugins

load_plugins()
