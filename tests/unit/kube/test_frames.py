"""WebSocket frames: what is encoded is decoded, in pieces of any size."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.kube import frames
from i4q_ai.kube.frames import BINARY, CLOSE, PING, Decoder, FrameError, encode, masked

SIZES = st.sampled_from([0, 1, 2, 125, 126, 127, 65535, 65536])


@pytest.mark.parametrize("step", [1, 977, 65536])
@settings(max_examples=20)
@given(sizes=st.lists(SIZES, max_size=4), mask=st.binary(min_size=4, max_size=4))
def test_messages_survive_any_cut(step: int, sizes: list[int], mask: bytes) -> None:
    sent = [(BINARY, bytes(number % 251 for number in range(size))) for size in sizes]
    stream = b"".join(encode(opcode, payload, mask=mask) for opcode, payload in sent)
    decoder = Decoder()
    found = [each for at in range(0, len(stream), step) for each in decoder.feed(stream[at : at + step])]
    assert found == sent


@given(payload=st.binary(max_size=300), mask=st.binary(min_size=4, max_size=4))
def test_the_mask_is_laid_byte_by_byte(payload: bytes, mask: bytes) -> None:
    assert masked(payload, mask) == bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def test_the_frame_of_the_standards_example() -> None:
    # RFC 6455, 5.7: a masked text message "Hello"; ours is the same as binary.
    assert encode(BINARY, b"Hello", mask=bytes.fromhex("37fa213d")) == bytes.fromhex("828537fa213d7f9f4d5158")


def test_a_message_in_several_frames_with_a_ping_between() -> None:
    first, ping, last = bytes((0x02, 3)) + b"abc", bytes((0x89, 1)) + b"p", bytes((0x80, 2)) + b"de"
    assert list(Decoder().feed(first + ping + last)) == [(PING, b"p"), (BINARY, b"abcde")]


def test_a_close_is_told() -> None:
    assert list(Decoder().feed(bytes((0x88, 2)) + b"\x03\xe8")) == [(CLOSE, b"\x03\xe8")]


@pytest.mark.parametrize("head", [bytes((0xF2, 1)), bytes((0x82, 127)) + (1 << 40).to_bytes(8, "big")])
def test_what_is_no_frame_is_refused(head: bytes) -> None:
    with pytest.raises(FrameError):
        list(Decoder().feed(head + b"x"))


def test_every_handshake_has_its_own_key() -> None:
    assert frames.new_key() != frames.new_key()
