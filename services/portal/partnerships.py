"""The partnerships and clusters that the start page shows: from a file that whoever installs the platform provides."""

from functools import cached_property
from pathlib import Path

import msgspec


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster organisation; `id` is that of the tokens' cluster_id."""

    slug: str
    name: str
    country: str
    id: str = ""
    homepage: str | None = None


class Partnership(msgspec.Struct, frozen=True, kw_only=True):
    """Several clusters, named by their slugs, under one programme."""

    name: str
    members: tuple[str, ...]
    coordinator: str | None = None
    homepage: str | None = None


class _File(msgspec.Struct, frozen=True):
    clusters: tuple[Cluster, ...] = ()
    partnerships: tuple[Partnership, ...] = ()


class Partnerships:
    """All of them, as the file says."""

    def __init__(self, content: _File) -> None:
        self.clusters = content.clusters
        self.partnerships = content.partnerships

    @classmethod
    def read(cls, path: str) -> "Partnerships":
        """Those of the file; none without one. SystemExit at boot when it cannot be read."""
        if not path:
            return cls(_File())
        try:
            return cls(msgspec.json.decode(Path(path).read_bytes(), type=_File))
        except (OSError, msgspec.DecodeError) as error:
            raise SystemExit(f"CLUSTERSKILLS_PARTNERSHIPS_FILE={path} cannot be read: {error}") from error

    def members(self, partnership: Partnership) -> list[Cluster]:
        """The clusters of a partnership, its coordinator first."""
        found = [self._by_slug[slug] for slug in partnership.members if slug in self._by_slug]
        return sorted(found, key=lambda cluster: cluster.slug != partnership.coordinator)

    def cluster_name(self, cluster_id: str | None) -> str:
        """The name of a tenant; empty when the file does not know it."""
        return next((cluster.name for cluster in self.clusters if cluster_id and cluster.id == cluster_id), "")

    @property
    def countries(self) -> int:
        """In how many countries the clusters are."""
        return len({cluster.country for cluster in self.clusters})

    @cached_property
    def _by_slug(self) -> dict[str, Cluster]:
        return {cluster.slug: cluster for cluster in self.clusters}
