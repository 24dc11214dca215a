"""An open load: requests begin at their times, whether earlier ones were answered or not, as people do."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """When a request was to begin and how long it took from there, in seconds of the monotonic clock; 0: no answer."""

    due_at: float
    seconds: float
    status: int


def offer(
    url: str, path: str, bodies: Sequence[bytes], headers: dict[str, str], rate: float, connections: int
) -> list[Answer]:
    """POST each body once, `rate` a second, each with a key of its own, over kept connections.

    What is due while all `connections` wait for an answer begins late; the delay counts as time taken.
    """
    return asyncio.run(_offer(url, path, bodies, headers, rate, connections))


async def _offer(
    url: str, path: str, bodies: Sequence[bytes], headers: dict[str, str], rate: float, connections: int
) -> list[Answer]:
    parts = urlsplit(url)
    fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n{fixed}".encode()
    run, begun, numbers = f"{time.time_ns():x}", time.monotonic(), iter(range(len(bodies)))
    answers: list[Answer] = []

    async def client() -> None:
        line: _Line | None = None
        for number in numbers:
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            line = line or await _Line.open(parts.hostname or "127.0.0.1", parts.port or 80)
            key = f"Idempotency-Key: {run}-{number}\r\nContent-Length: {len(bodies[number])}\r\n\r\n".encode()
            status, stays = await line.ask(head + key + bodies[number])
            answers.append(Answer(due, time.monotonic() - due, status))
            if not stays:
                line.close()
                line = None

        if line:
            line.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return answers


@dataclass(frozen=True, slots=True)
class _Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @staticmethod
    async def open(host: str, port: int) -> "_Line":
        return _Line(*await asyncio.open_connection(host, port))

    async def ask(self, request: bytes) -> tuple[int, bool]:
        """The status, and whether the connection stays open."""
        self.writer.write(request)
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            await self.reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, False
        return int(head[9:12]), b"connection: close" not in head

    def close(self) -> None:
        self.writer.close()
