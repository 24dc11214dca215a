"""Whose seal and whose name a course may carry: the one rule, for who writes, who publishes and who certifies.

| a course of a cluster names | needs |
|---|---|
| a provider of the same cluster | nothing |
| a provider of another one | that provider's grant (`provide`) to the cluster or for the course |
| its provider as awarding body, of the same cluster | nothing |
| any other awarding body, the cluster itself too | the body's grant (`award`) to the provider, the cluster or for the course |

A grant to a provider is for what the provider's own cluster offers: whoever else may name that provider has no part in
it.
"""

from dataclasses import dataclass
from typing import Final

AWARD: Final = "award"
PROVIDE: Final = "provide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """What is known of an organisation that a course names. `cluster_id`: the cluster that registered it."""

    id: str
    cluster_id: str | None = None
    suspended: bool = False


def needs_grant_to_provide(cluster_id: str, provider: Party) -> bool:
    """Whether a course of this cluster names the provider only with its grant."""
    return provider.cluster_id != cluster_id


def needs_grant_to_award(cluster_id: str, provider: Party, body: Party) -> bool:
    """Whether a course of this cluster and provider carries the body's seal only with its grant."""
    return provider.id != body.id or body.cluster_id != cluster_id


def grantees(cluster_id: str, provider: Party) -> tuple[str, ...]:
    """A grant to any of these covers a course of this cluster and provider."""
    return (cluster_id, provider.id) if provider.cluster_id == cluster_id else (cluster_id,)
