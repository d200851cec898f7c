"""Other parties on the loopback interface: receivers of callbacks, canaries, and a small CA.

Real servers, written here because they must misbehave: what a well-behaved library would never
send is what the product has to stand.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class Receiver:
    """A TCP server on a free port. `heads` and `bodies` are the requests it read."""

    def __init__(self, talk: Talk | bytes, host: str = "127.0.0.1") -> None:
        self._talk = talk
        self.host = host
        self.port = 0
        self.connections = 0
        self._tasks: list[asyncio.Future[None]] = []
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.append(asyncio.ensure_future(self._converse(reader, writer)))
        await asyncio.wait(self._tasks[-1:])

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if isinstance(self._talk, bytes):
                await self.read_request(reader)
                writer.write(self._talk)
                await writer.drain()
            else:
                await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def read_request(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request whole, keep it, and return its head."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        body = await reader.readexactly(length)
        self.heads.append(head)
        self.bodies.append(body)
        return head

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
        """Listen until the block ends, then cut every connection that is left."""
        server = await asyncio.start_server(self._serve, self.host, self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


class Authority:
    """A certificate authority of its own, in a folder, and contexts for both sides."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self._certificate = self._signed(self._name, self._key, ca=True, names=())

    def client(self) -> ssl.SSLContext:
        """A context that trusts this authority and no other."""
        text = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=text)

    def server(self, *names: str) -> ssl.SSLContext:
        """A context with a certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        path = self._folder / f"{names[0].replace(':', '_')}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self._signed(subject, key, ca=False, names=names).public_bytes(
                serialization.Encoding.PEM
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        ca: bool,
        names: Sequence[str],
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            found = [_general_name(name) for name in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def abort(writer: asyncio.StreamWriter) -> None:
    """Reset the connection instead of closing it."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def book(**entries: Sequence[str]) -> Callable[[str], Awaitable[Sequence[str]]]:
    """A resolver that knows these names alone; write `.` in a name as `_`."""
    known = {name.replace("_", "."): addresses for name, addresses in entries.items()}

    async def resolve(host: str) -> Sequence[str]:
        if host not in known:
            raise OSError("no such name")
        return known[host]

    return resolve
