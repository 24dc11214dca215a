"""Kafka's clients as we open them: what a failed opening leaves is closed, and no call waits for ever."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, NodeNotReadyError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from shared.logs import get_logger

log = get_logger(__name__)
C = TypeVar("C")

ANSWER_SECONDS = 15.0
"""Longer than any answer is waited for: the longest time limit that our calls give themselves is 10 s."""
_END_SECONDS = 3.0
_CONNECT_MS = 3000


class _Loop(NetworkSelector):  # type: ignore[misc]
    """The client's event loop, in its own thread. Waiting for it ends after `ANSWER_SECONDS` with KafkaTimeoutError.

    kafka-python gives several calls no time limit (list_topics, partitions_for_topic, leaving a group); all of them
    wait in `run`.
    """

    def run(self, coro: Any, *arguments: Any) -> Any:
        """What `coro` returns or raises."""
        if self._io_thread is None or self._io_thread is threading.current_thread():
            return super().run(coro, *arguments)
        return self.ask(coro, *arguments)

    def ask(self, coro: Any, *arguments: Any) -> Any:
        """The same, asked of a loop that another thread runs."""
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
    """Connects to each broker once, when it is told to `settle`: one that comes back later may have lost its log, which
    must be asked about first."""

    def __init__(self, net: _Loop, **configs: Any) -> None:
        super().__init__(net, **configs)
        self._settled = self.lost = False
        self.on_loss: Callable[[], None] = lambda: None

    def settle(self) -> None:
        """Connect to the brokers that are there now. From then on no connection is made; one that ends is a loss."""
        self._net.ask(self._settle)

    async def _settle(self) -> None:
        for broker in self.cluster.brokers():
            try:
                connection = self.get_connection(broker.node_id)
                connection.close_future.add_both(self._lose)
                await self.wait_for(connection.init_future, _CONNECT_MS)
            except KafkaError:
                self._lose()
        self._settled = True

    def get_connection(self, node_id: Any, *arguments: Any, **options: Any) -> Any:
        """The connection to this broker. Raises NodeNotReadyError once any was lost, or missed, for ever."""
        if self._settled and node_id not in self._conns:
            self._lose()
        if self.lost:
            raise NodeNotReadyError(node_id)
        return super().get_connection(node_id, *arguments, **options)

    def _lose(self, _reason: object = None) -> None:
        if not self.lost:
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


def manager_of(producer: KafkaProducer) -> Any:
    """What keeps a producer's connections."""
    return producer._sender._client._manager  # noqa: SLF001 (no public way; the version is pinned)


def heed_epochs(consumer: KafkaConsumer) -> None:
    """Take up committed offsets with their leader epoch, by which the client sees that the log was cut since.

    kafka-python 3.0.12 fetches the epoch and drops it: a new client would go on at the same number in another log.
    """
    coordinator = consumer._coordinator  # noqa: SLF001 (no public way; the version is pinned)
    subscription = coordinator._subscription  # noqa: SLF001

    async def take_up(timeout_ms: float | None = None) -> bool:
        missing = set(subscription.missing_fetch_positions())
        try:
            offsets = await coordinator.fetch_committed_offsets_async(missing, timeout_ms=timeout_ms)
        except KafkaTimeoutError:
            return False
        for partition, offset in offsets.items():
            subscription.seek(partition, offset)
        return True

    coordinator.refresh_committed_offsets_if_needed_async = take_up
