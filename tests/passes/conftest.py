"""Lets the tests of this folder import its helper modules (``import qdq_models``)."""

import sys
from pathlib import Path

# In pytest's importlib mode the folder of a test is not on the path by itself.
sys.path.append(str(Path(__file__).parent))
