"""`python fetch_ours.py REFERENCE DIGEST FOLDER`: fetches a model."""

import sys
from pathlib import Path

from i4q_ai import oci

oci.fetch([sys.argv[1]], sys.argv[2], Path(sys.argv[3], "tree"), timeout=600)
