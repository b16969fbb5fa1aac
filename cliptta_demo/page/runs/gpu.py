"""One call owns a run's loop. On ZeroGPU that call runs in a worker process with a GPU, elsewhere it is a plain call.

A ZeroGPU worker is a fork: whatever changes in it is lost when it ends, and met by another visitor when it doesn't. So
everything goes in and comes out as CPU data (a recipe, a session, uploads), the worker opens the experiment from them,
and adapted weights are never put into a model: they live in the session (see :mod:`methods.adaptation`).

The process that serves the page has no GPU there. What it must know of a backbone it reads from one on the CPU.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.data.presets import is_hub_spec
from cliptta_demo.backend.errors import DoesNotFit, UserError
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models import loading as backbones
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.device_memory import is_out_of_memory
from cliptta_demo.backend.models.uploaded_weights import base_of
from cliptta_demo.backend.run.arithmetic import THERE_AND_BACK
from cliptta_demo.backend.run.size import RunSize, run_size
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.choices import is_hub_choice
from cliptta_demo.page.runs.cost import check_cost
