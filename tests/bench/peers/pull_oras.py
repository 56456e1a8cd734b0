"""`python pull_oras.py HOST/REPOSITORY TAG FOLDER`: pulls the files of an artifact by oras-py as it is."""

import sys

import oras.client

_where, _tag, _folder = sys.argv[1:]
oras.client.OrasClient(insecure=True).pull(f"{_where}:{_tag}", outdir=_folder)
