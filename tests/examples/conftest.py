"""Fixtures of the tests of the examples."""

from tests.testbed.images import edge_image
from tests.testbed.registry import registry

__all__ = ["edge_image", "registry"]
