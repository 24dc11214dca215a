"""What the certificate service needs from outside the domain: contexts, signing, keys, status lists, encryption."""
