"""Signatures of what lies in storage."""

from __future__ import annotations

from fmi.channels.storage._signing import Signer
from tests.fmi.support.worlds import SECRET


def test_a_signature_is_good_for_one_key_only() -> None:
    signer, other = Signer(SECRET.encode(), "a"), Signer(b"other", "a")
    signed = signer.sign("k", b"data")
    assert bytes(signer.verify("k", signed) or b"") == b"data"
    assert signer.verify("k2", signed) is None
    assert other.verify("k", signed) is None
    assert signer.prefix != other.prefix
