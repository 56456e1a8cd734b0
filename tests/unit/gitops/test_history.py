"""The last lines of a commit of ours: written, and read again."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.gitops.history import marked, marks

_part = st.text(string.ascii_letters + string.digits + "._-% =äß:\t", min_size=1, max_size=12)
_path = st.lists(_part, min_size=1, max_size=3).map("/".join).filter(lambda path: path != ".")
_id = st.text("0123456789abcdef", min_size=40, max_size=40)


@given(
    st.text(),
    st.dictionaries(_path | st.just(""), st.dictionaries(_path, _id, max_size=4), min_size=1, max_size=4),
    _part | st.just(""),
)
def test_what_is_written_is_read_again(message: str, folders: dict[str, dict[str, str]], by: str) -> None:
    found = marks(marked(message, folders, by=by).encode(errors="replace"))
    for folder, ids in folders.items():
        assert found[folder] == {file: each[:16] for file, each in ids.items()}


def test_it_joins_the_trailers_that_are_there() -> None:
    text = marked("Title\n\nBody\n\nI4q-Version: wear 2 sha256:0\nSigned-off-by: Ada", {"wear": {}})
    assert text.splitlines()[-3:] == ["I4q-Version: wear 2 sha256:0", "Signed-off-by: Ada", "I4q-Publication: wear"]


def test_a_title_is_no_trailer() -> None:
    assert marked("wear: 1 → 2", {"wear": {}}).splitlines() == ["wear: 1 → 2", "", "I4q-Publication: wear"]


def test_commits_of_others_say_nothing() -> None:
    assert marks(b"Fix I4q-Publication: wear a=1\n\n I4q-Publication: wear a=1") == {}
    assert marks(b"\xff\xfe I4q") == {}
