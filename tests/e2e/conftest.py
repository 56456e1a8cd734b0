"""Fixtures of all end-to-end tests: the foreign programs of tests/testbed, and the image that nodes run."""

from tests.testbed.images import edge_image
from tests.testbed.registry import crane, registry

__all__ = ["crane", "edge_image", "registry"]
