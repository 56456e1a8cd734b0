"""Fixtures of the tests of the docs."""

from tests.testbed.images import edge_image

__all__ = ["edge_image"]
