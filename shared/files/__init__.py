"""Files that a service keeps for a while: uploads that wait for their import, results that wait to be fetched.

They lie in GridFS, encrypted, each under a key of its own that is wrapped by the service's secret, and expire.
"""

from shared.files.files import COLLECTION, Files, StoredFile, TooLong

__all__ = ["COLLECTION", "Files", "StoredFile", "TooLong"]
