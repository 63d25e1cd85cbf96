"""The authority of a peer, and the certificates of its servers."""

import datetime
import ipaddress
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import namespace

DAYS = 2
# The names that moto gives to DB instances in the usual test regions.
DATABASES = [f"*.aaaaaaaaaa.{region}.rds.amazonaws.com" for region in ("us-east-1", "us-west-2", "eu-west-1")]
_lock = threading.Lock()
_authority = None


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, key, signer, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256())


def authority():
    """Returns the authority's certificate, its key, and the path of the certificate (PEM)."""
    global _authority
    with _lock:
        path = namespace.folder() / "ca.pem"
        if _authority is None:
            key = ec.generate_private_key(ec.SECP256R1())
            of = name(f"drillmaster test CA {path.parent.name}")
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            _authority = certificate(of, of, key, key, [(x509.BasicConstraints(True, None), True), (usage, True)]), key
        if not path.exists():
            namespace.keep()
            path.write_bytes(_authority[0].public_bytes(serialization.Encoding.PEM))
        return *_authority, path


def issue(folder, names, address=None):
    """Writes server.pem and server.key into the folder."""
    ca, ca_key, _ = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    addresses = [ipaddress.ip_address(one) for one in ("127.0.0.1", address) if one]
    known = dict.fromkeys(["localhost", *names, *DATABASES])
    alternatives = [*map(x509.DNSName, known), *map(x509.IPAddress, addresses)]
    extensions = [
        (x509.BasicConstraints(False, None), True),
        (x509.SubjectAlternativeName(alternatives), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False),
    ]
    made = certificate(name("localhost"), ca.subject, key, ca_key, extensions)
    (folder / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(key.private_bytes(*private))
    (folder / "server.key").chmod(0o600)
