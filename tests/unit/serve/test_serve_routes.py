"""Which URL means what."""

import pytest

from i4q_ai.serve.routes import METHODS, Route, resolve


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v2", Route("server")),
        ("/v2/", Route("server")),
        ("/v2/health/live", Route("live")),
        ("/v2/health/ready", Route("ready")),
        ("/v2/models/wear", Route("model", "wear")),
        ("/v2/models/wear/ready", Route("model-ready", "wear")),
        ("/v2/models/wear/infer", Route("infer", "wear")),
        ("/v2/models/wear/versions/2", Route("model", "wear", "2")),
        ("/v2/models/wear/versions/2/ready", Route("model-ready", "wear", "2")),
        ("/v2/models/wear/versions/2/infer", Route("infer", "wear", "2")),
        ("/v2/models/a%2Fb/infer", Route("infer", "a/b")),
        ("/v2/models/%C3%BC/infer", Route("infer", "ü")),
        ("/v2/repository/index", Route("index")),
        ("/v2/repository/models/wear/load", Route("load", "wear")),
        ("/v2/repository/models/wear/unload", Route("unload", "wear")),
        ("/v2/openapi.json", Route("openapi")),
        ("/metrics", Route("metrics")),
    ],
)
def test_known_paths(path: str, route: Route) -> None:
    assert resolve(path) == route
    assert METHODS[route.kind]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v1", "/v2/models", "/v2/models/", "/v2/models//infer", "/v2/models/a/b", "/v2/models/a/versions",
     "/v2/models/a/versions//infer", "/v2/health", "/v2/repository/models/a", "/v2/health/live/"],
)  # fmt: skip
def test_unknown_paths(path: str) -> None:
    assert resolve(path) == Route("unknown")
