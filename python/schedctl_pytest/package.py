"""Where this package is."""

from __future__ import annotations

import os

PATH = os.path.dirname(os.path.abspath(__file__))
