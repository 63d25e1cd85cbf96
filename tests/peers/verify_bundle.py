"""Verifies a Sigstore bundle with securesystemslib: verify_bundle.py BUNDLE PUBLIC-KEY.
It prints the statement, or fails."""

import json
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

with open(sys.argv[1], encoding="utf-8") as file:
    envelope = json.load(file)["dsseEnvelope"]
with open(sys.argv[2], "rb") as file:
    key = SSlibKey.from_crypto(load_pem_public_key(file.read()))
# The library tries a key only on signatures that name it.
for signature in envelope["signatures"]:
    signature["keyid"] = key.keyid
verified = Envelope.from_dict(envelope)
verified.verify([key], 1)
sys.stdout.write(verified.payload.decode())
