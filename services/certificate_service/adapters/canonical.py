"""The canonical form a signature covers: RDFC-1.0 of the RDF that a JSON-LD document means.

What is signed is RDF, what people and programs read is JSON. So nothing may be in one and not in the other: undefined
terms (PyLD drops them without a word), relative identifiers (dropped too), keywords and full IRIs as member names
(the same RDF under a name nobody looks for), and one node described in two places are all refused.
"""

import hashlib
import re
import threading
from collections.abc import Iterator
from typing import Any

from pyld.canon import URDNA2015  # type: ignore[import-untyped]
from pyld.context_resolver import ContextResolver  # type: ignore[import-untyped]
from pyld.jsonld import JsonLdError, JsonLdProcessor  # type: ignore[import-untyped]

from services.certificate_service.adapters.contexts import CREDENTIALS_V2, UnknownContext, load
from services.certificate_service.adapters.plain_json import BadDocument, Document, require_plain

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")

# PyLD keeps resolved contexts in a cache that threads corrupt, so each thread has its own.
_thread = threading.local()


def canonical_form(document: Document) -> str:
    """The sorted N-Quads of the document; BadDocument when it cannot stand under a signature."""
    require_plain(document)
    _require_contexts(document)
    _require_plain_names(document)
    try:
        return _canonicalize(document)
    except BadDocument:
        _thread.cache = None
        raise
    except (JsonLdError, UnknownContext, ValueError, KeyError, TypeError, RecursionError) as error:
        _thread.cache = None
        raise BadDocument(f"The document is not usable JSON-LD: {_cause(error)}") from error


def canonical_sha256(document: Document) -> bytes:
    """SHA-256 of the canonical form."""
    return hashlib.sha256(canonical_form(document).encode()).digest()


class BoundedCanonicalizer(URDNA2015):  # type: ignore[misc]
    """RDFC-1.0 that gives up on documents made of look-alike nodes, where its cost is factorial.

    A credential has a handful of unnamed nodes which differ by their own lines; comparing neighbours is hardly ever
    needed, let alone hundreds of times.
    """

    MAX_COMPARISONS = 500
    MAX_ALIKE = 5

    def __init__(self) -> None:
        super().__init__()
        self._comparisons = 0

    def create_hash_to_related(self, id_: str, issuer: Any) -> Any:
        self._comparisons += 1
        related = super().create_hash_to_related(id_, issuer)
        alike = max(map(len, related.values()), default=0)
        if self._comparisons > self.MAX_COMPARISONS or alike > self.MAX_ALIKE:
            raise BadDocument("The document has too many unnamed parts that look alike.")
        return related


def _canonicalize(document: Document) -> str:
    options = {
        "base": None,  # the default is http://example.org/base/
        "documentLoader": load,
        "contextResolver": ContextResolver(_contexts(), load),
        "processingMode": "json-ld-1.1",
        "extractAllScripts": True,
    }
    processor = JsonLdProcessor(on_property_dropped=_refuse_dropped)
    expanded = processor.expand(document, dict(options))
    _require_whole(expanded)
    dataset = processor.to_rdf(expanded, dict(options, skipExpansion=True, produceGeneralizedRdf=False))
    canonical: str = BoundedCanonicalizer().main(dataset, {"format": "application/n-quads"})
    return canonical


def _contexts() -> Any:
    if getattr(_thread, "cache", None) is None:
        _thread.cache = {}  # bounded: only our contexts get this far
    return _thread.cache


def _refuse_dropped(name: object) -> None:
    raise BadDocument(f"The term {str(name)[:100]!r} is not defined by the contexts, so no signature would cover it.")


def _require_contexts(document: Document) -> None:
    named = document.get("@context")
    if not isinstance(named, list) or not named or named[0] != CREDENTIALS_V2:
        raise BadDocument(f"The first context must be {CREDENTIALS_V2}.")
    for url in named:
        if not isinstance(url, str):
            raise BadDocument("A context written into the document is not accepted.")
        try:
            load(url)
        except UnknownContext as error:
            raise BadDocument(str(error)) from None


def _require_plain_names(document: Document) -> None:
    """Only terms as names: "https://…#validUntil" would mean the same and hide it from whoever reads the JSON."""
    for name in _names({key: value for key, value in document.items() if key != "@context"}):
        if name.startswith("@") or ":" in name:
            raise BadDocument(f"The member {name[:100]!r} is not a term of the contexts.")


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _names(member)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member)


def _require_whole(expanded: Any) -> None:
    """Absolute identifiers and types only, and no node described twice (its parts would merge in RDF)."""
    described: set[str] = set()
    for node in _nodes(expanded):
        for iri in [*_ids(node), *node.get("@type", [])]:
            if not isinstance(iri, str) or not _ABSOLUTE.fullmatch(iri) or iri.startswith("_:"):
                raise BadDocument(f"{str(iri)[:100]!r} is not an absolute identifier.")
        if "@id" in node and len(node) > 1:
            if node["@id"] in described:
                raise BadDocument(f"{node['@id'][:100]!r} is described in more than one place.")
            described.add(node["@id"])


def _ids(node: Document) -> list[Any]:
    return [node["@id"]] if "@id" in node else []


def _nodes(value: Any) -> Iterator[Document]:
    if isinstance(value, list):
        for member in value:
            yield from _nodes(member)
    elif isinstance(value, dict) and "@value" not in value:
        yield value
        for member in value.values():
            yield from _nodes(member) if isinstance(member, list | dict) else ()


def _cause(error: BaseException) -> str:
    """The innermost reason, short: PyLD's own text quotes the document."""
    while isinstance(error, JsonLdError) and error.__cause__ is not None:
        error = error.__cause__
    text = error.args[0] if error.args and isinstance(error.args[0], str) else type(error).__name__
    return text.splitlines()[0][:150] if text else type(error).__name__
