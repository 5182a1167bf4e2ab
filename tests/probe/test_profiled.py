"""The job that runs under a profiler: its request."""

from __future__ import annotations

import json

import pytest
from fakeprofilers import request

from scaffold.probe.profiled import ProfileRequest, decode_profile_request, encode_profile_request
from scaffold.probe.protocol import PROTOCOL_VERSION, ProtocolError

REQUEST = ProfileRequest(PROTOCOL_VERSION, request(), "/tmp/spool.jsonl", 3, 2)


def test_a_request_survives_its_file() -> None:
    document = json.loads(json.dumps(encode_profile_request(REQUEST)))
    assert decode_profile_request(document) == REQUEST


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"protocol_version": 0}, "request speaks protocol 0"),
        ({"more": 1}, "no request for a profile"),
        ({"kernel": {}}, "no request for a profile"),
    ],
)
def test_another_request_is_refused(change: dict[str, object], said: str) -> None:
    document = {**encode_profile_request(REQUEST), **change}
    with pytest.raises(ProtocolError, match=said):
        decode_profile_request(document)
