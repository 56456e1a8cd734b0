"""What /metrics tells. A label's child is looked up once and kept, so that a request costs two additions."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Meter:
    """Counts the requests of one version."""

    def __init__(self, requests: Counter, seconds: Histogram, model: str, version: str) -> None:
        self._requests = requests
        self._labels = (model, version)
        self._by_code: dict[int, Counter] = {}
        self._seconds = seconds.labels(model, version)

    def count(self, code: int, seconds: float) -> None:
        """One request was answered.

        Args:
            code: HTTP status.
            seconds: from the whole body read to the answer made.
        """
        child = self._by_code.get(code)
        if child is None:
            child = self._by_code[code] = self._requests.labels(*self._labels, str(code))
        child.inc()
        self._seconds.observe(seconds)


class Metrics:
    """All metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "i4q_requests", "Inference requests answered.", ["model", "version", "code"], registry=self._registry
        )
        self._seconds = Histogram(
            "i4q_request_seconds",
            "From the whole body read to the answer made.",
            ["model", "version"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._loaded = Gauge(
            "i4q_model_loaded", "1 for every version that is loaded.", ["model", "version"], registry=self._registry
        )
        self._default = Gauge(
            "i4q_model_default", "1 for the version served by default.", ["model", "version"], registry=self._registry
        )
        self._loads = Counter(
            "i4q_model_loads", "Versions that were to be loaded.", ["model", "result"], registry=self._registry
        )

    def meter(self, model: str, version: str) -> Meter:
        """The counter of one version's requests."""
        return Meter(self._requests, self._seconds, model, version)

    def refused(self, code: int) -> None:
        """A request for a model that is not there; its name is not a label, for clients choose it."""
        self._requests.labels("", "", str(code)).inc()

    def loaded(self, model: str, versions: list[str], default: str | None, *, gone: list[str]) -> None:
        """Which versions of a model are loaded now.

        Args:
            model: its name.
            versions: all that are loaded.
            default: the one served by default.
            gone: those that are loaded no more.
        """
        for version in gone:
            self._loaded.labels(model, version).set(0)
            self._default.labels(model, version).set(0)
        for version in versions:
            self._loaded.labels(model, version).set(1)
            self._default.labels(model, version).set(1 if version == default else 0)

    def load_ended(self, model: str, *, ok: bool) -> None:
        """A version was loaded, or was not."""
        self._loads.labels(model, "ok" if ok else "failed").inc()

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self._registry)
