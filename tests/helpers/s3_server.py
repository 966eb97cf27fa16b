"""A real S3 server on loopback (moto in a process of its own), its buckets and keys, and a line that can be cut."""

import json
import selectors
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ADMIN = {"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "secret"}
READS = ["s3:GetObject", "s3:ListBucket", "s3:HeadObject"]


@dataclass(frozen=True)
class Server:
    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": "eu-central-1", **ADMIN}

    def bucket(self, name: str) -> str:
        """Makes a bucket and returns its s3 URL."""
        place = {"LocationConstraint": "eu-central-1"}
        self._client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
        return f"s3://{name}"

    def get(self, bucket: str, key: str) -> bytes:
        return self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self._client("s3").put_object(Bucket=bucket, Key=key, Body=content)

    def upload(self, folder: Path, url: str) -> str:
        """Puts every file of a folder below an s3 URL, which it returns."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        for file in folder.rglob("*"):
            if file.is_file():
                self.put(bucket, f"{prefix}/{file.relative_to(folder)}", file.read_bytes())
        return url

    def keys(self, bucket: str) -> list[str]:
        pages = self._client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [row["Key"] for page in pages for row in page.get("Contents", [])]

    @contextmanager
    def guarded(self) -> Iterator[dict[str, str]]:
        """The server asks for keys meanwhile; gives those of a user who may only read."""
        iam = self._client("iam")
        user = f"reader-{time.time_ns()}"
        iam.create_user(UserName=user)
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": READS, "Resource": "*"}]}
        iam.put_user_policy(UserName=user, PolicyName="reads", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        self._ask_for_keys_after("0")
        try:
            yield {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        finally:
            self._ask_for_keys_after("inf")

    def _ask_for_keys_after(self, actions: str) -> None:
        text = {"Content-Type": "text/plain"}
        asked = urllib.request.Request(f"{self.url}/moto-api/reset-auth", actions.encode(), text, method="POST")
        urllib.request.urlopen(asked).read()

    def _client(self, service: str):
        import boto3

        keys = {"aws_access_key_id": "admin", "aws_secret_access_key": "secret"}
        return boto3.client(service, endpoint_url=self.url, region_name="eu-central-1", **keys)


@contextmanager
def serving() -> Iterator[Server]:
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, "the S3 server did not start"
            time.sleep(0.1)
        yield Server(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Line:
    """A TCP line to a server, on a port of its own; cut, it refuses and drops everything until it is mended."""

    def __init__(self, server: Server) -> None:
        self.target = int(server.url.rpartition(":")[2])
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._sockets: list[socket.socket] = []
        self.mend()

    def mend(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        for each in (self._listening, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets.clear()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                self._sockets += [near, far]
                threading.Thread(target=_forward, args=(near, far), daemon=True).start()


def _forward(near: socket.socket, far: socket.socket) -> None:
    with suppress(OSError, ValueError), near, far, selectors.DefaultSelector() as ready:
        ready.register(near, selectors.EVENT_READ, far)
        ready.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _ in ready.select():
                content = key.fileobj.recv(65536)
                if not content:
                    return
                key.data.sendall(content)


def main(port: int) -> None:
    """One request at a time, so that moto's puts on condition are as atomic as S3's."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    application = DomainDispatcherApplication(create_backend_app)
    one = threading.Lock()

    def serially(environ, start_response):
        with one:
            return [b"".join(application(environ, start_response))]

    run_simple("127.0.0.1", port, serially, threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
