"""A token service on loopback as pods of EKS know it (AssumeRoleWithWebIdentity), over TLS: clients ask no other.

The keys that it gives are those of a role of the S3 server.
"""

import datetime
import ipaddress
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from s3_server import READS, Server

TRUST = {"Effect": "Allow", "Principal": {"Federated": "*"}, "Action": "sts:AssumeRoleWithWebIdentity"}
GIVEN = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{AccessKeyId}</AccessKeyId>
<SecretAccessKey>{SecretAccessKey}</SecretAccessKey><SessionToken>{SessionToken}</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>Not authorized</Message></Error></ErrorResponse>"""


@contextmanager
def web_identity(s3: Server, folder: Path, token: str) -> Iterator[dict[str, str]]:
    """The environment that EKS gives to a pod whose service account has a role that may read; no keys are in it.

    The service takes one token: what the file AWS_WEB_IDENTITY_TOKEN_FILE holds now must be `token`.
    """
    role = f"reader-{time.time_ns()}"
    iam, sts = s3._client("iam"), s3._client("sts")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=_policy(TRUST))["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": READS, "Resource": "*"}
    iam.put_role_policy(RoleName=role, PolicyName="reads", PolicyDocument=_policy(allowed))
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="pod")["Credentials"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            asked = dict(urllib.parse.parse_qsl(body or self.path.partition("?")[2]))
            fits = (asked["Action"], asked["RoleArn"]) == ("AssumeRoleWithWebIdentity", arn)
            fits = fits and asked["WebIdentityToken"] == token
            content = (GIVEN.format(**keys) if fits else REFUSED).encode()
            self.send_response(200 if fits else 403)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    authority, chain = _certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (folder / "token").write_text(token)
        yield {
            "AWS_ROLE_ARN": arn,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
            "AWS_ENDPOINT_URL_STS": f"https://127.0.0.1:{server.server_address[1]}",
            "SSL_CERT_FILE": str(authority),
        }
        server.shutdown()


def _policy(statement: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _certificates(folder: Path) -> tuple[Path, Path]:
    """Files of an authority that lasts a day, and of a key of 127.0.0.1 with its certificate."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate(
        "authority", authority_key, "authority", authority_key, [x509.BasicConstraints(True, None)]
    )
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    own = _certificate("sts", key, "authority", authority_key, [x509.BasicConstraints(False, None), loopback])
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "authority.pem").write_bytes(authority.public_bytes(encoding))
    private = key.private_bytes(encoding, form, serialization.NoEncryption())
    (folder / "sts.pem").write_bytes(private + own.public_bytes(encoding))
    return folder / "authority.pem", folder / "sts.pem"


def _certificate(subject, key, issuer, issuer_key, extensions) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(
        _name(issuer), _name(subject), key.public_key(), x509.random_serial_number(), now - day, now + day
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
