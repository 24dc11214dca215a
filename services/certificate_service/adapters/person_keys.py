"""One random data key per person, wrapped by the master secret; destroying the wrapped key erases what it encrypts.

The wrapped key lives apart from the data (and is backed up apart). Nothing else can open a stored certificate.
"""

import os
from dataclasses import dataclass, field

from shared.sealing import KEY_BYTES, MasterSecret, open_sealed, seal

_PURPOSE = "person keys"


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A person's data key as stored: wrapped. `key_id` is part of every ciphertext's binding."""

    key_id: str
    wrapped: bytes = field(repr=False)


def create_person_key(master: MasterSecret, key_id: str) -> PersonKey:
    """A new random data key. Call it once per person and keep it with their mapping."""
    return PersonKey(key_id, master.seal(_PURPOSE, key_id, os.urandom(KEY_BYTES)))


def encrypt(master: MasterSecret, key: PersonKey, record_id: str, plain: bytes) -> bytes:
    """`plain` readable only with this person's key and as this record (a certificate's id, a PDF's)."""
    return seal(_data_key(master, key), _name(key, record_id), plain)


def decrypt(master: MasterSecret, key: PersonKey, record_id: str, sealed: bytes) -> bytes:
    """What `encrypt` was given; CannotOpen for another person's key, another record or changed bytes."""
    return open_sealed(_data_key(master, key), _name(key, record_id), sealed)


def rewrap(old: MasterSecret, new: MasterSecret, key: PersonKey) -> PersonKey:
    """The same data key under a new master secret; what it encrypts stays as it is."""
    return PersonKey(key.key_id, new.seal(_PURPOSE, key.key_id, _data_key(old, key)))


def _data_key(master: MasterSecret, key: PersonKey) -> bytes:
    return master.open(_PURPOSE, key.key_id, key.wrapped)


def _name(key: PersonKey, record_id: str) -> str:
    return f"{key.key_id}\n{record_id}"
