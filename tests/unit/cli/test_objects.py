"""What arguments of the program mean."""

from __future__ import annotations

import pytest

from i4q_ai.cli.objects import thing
from i4q_ai.errors import NotFoundError


def test_a_bare_word_is_a_file_that_is_missing_and_no_registry_is_asked() -> None:
    with pytest.raises(NotFoundError, match="there is no file 'wear'") as caught:
        thing("wear")
    assert "host/repository:tag" in caught.value.hint
