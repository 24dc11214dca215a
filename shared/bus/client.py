"""Kafka's clients as we open them: what a failed opening leaves is closed, and no call waits for ever."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from kafka.errors import KafkaTimeoutError, NodeNotReadyError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from shared.logs import get_logger

log = get_logger(__name__)
C = TypeVar("C")

ANSWER_SECONDS = 15.0
"""Longer than any answer is waited for: the longest time limit that our calls give themselves is 10 s."""
_END_SECONDS = 3.0


class _Loop(NetworkSelector):  # type: ignore[misc]
    """The client's event loop, in its own thread. Waiting for it ends after `ANSWER_SECONDS` with KafkaTimeoutError.

    kafka-python gives several calls no time limit (list_topics, partitions_for_topic, leaving a group); all of them
    wait in `run`.
    """

    def run(self, coro: Any, *arguments: Any) -> Any:
        """What `coro` returns or raises."""
        if self._io_thread is None or self._io_thread is threading.current_thread():
            return super().run(coro, *arguments)
        answer, answered = self.call_soon_with_future(coro, *arguments), threading.Event()
        answer.add_both(lambda _: answered.set())
        if not answered.wait(ANSWER_SECONDS):
            raise KafkaTimeoutError(f"No answer within {ANSWER_SECONDS:.0f} s.")
        if answer.exception is not None:
            raise answer.exception
        return answer.value

    def stop(self, timeout_ms: float | None = None) -> None:
        """End the thread; leave it behind when it does not end."""
        super().stop(_END_SECONDS * 1000 if timeout_ms is None else timeout_ms)


class Loyal(KafkaConnectionManager):  # type: ignore[misc]
    """Connects to each broker once: one that comes back may have lost its log, which must be asked about first."""

    def __init__(self, net: NetworkSelector, **configs: Any) -> None:
        super().__init__(net, **configs)
        self.lost = False
        self.on_loss: Callable[[], None] = lambda: None

    def get_connection(self, node_id: Any, *arguments: Any, **options: Any) -> Any:
        """The connection to this broker. Raises NodeNotReadyError once any was lost, for ever."""
        if self.lost:
            raise NodeNotReadyError(node_id)
        known = node_id in self._conns or self.cluster.is_bootstrap(node_id)
        connection = super().get_connection(node_id, *arguments, **options)
        if not known:
            connection.close_future.add_both(self._lose)
        return connection

    def _lose(self, _reason: object) -> None:
        self.lost = True
        self.on_loss()


def opened(kind: Callable[..., C], manager: type[KafkaConnectionManager] = KafkaConnectionManager, **options: Any) -> C:
    """Make a producer, consumer or admin client. When its constructor raises, what it began is ended.

    Left alone, a failed one keeps a thread and four descriptors, and nobody has it in hand to close it.
    """
    kept: list[KafkaNetClient] = []

    def make(**configs: Any) -> KafkaNetClient:
        net = _Loop(**configs)
        kept.append(KafkaNetClient(net=net, manager=manager(net, **configs)))
        return kept[-1]

    try:
        return kind(kafka_client=make, **options)
    except BaseException:
        for client in kept:
            release(client)
        raise


def release(client: KafkaNetClient) -> None:
    """Close the connections and end the thread; never raises, safe to call twice."""
    for close in (client._manager.close, client._net.close):  # noqa: SLF001 (no public way; the version is pinned)
        try:
            close()
        except Exception as error:  # noqa: BLE001 (it raises what it likes)
            log.warning("kafka_release_failed", error=type(error).__name__)
