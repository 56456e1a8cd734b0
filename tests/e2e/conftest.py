"""Fixtures of all end-to-end tests: the foreign programs of tests/testbed."""

from tests.testbed.registry import crane, registry

__all__ = ["crane", "registry"]
