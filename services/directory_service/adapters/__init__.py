"""What the directory speaks to outside: the identity provider."""
