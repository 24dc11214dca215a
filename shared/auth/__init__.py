"""Verifies tokens of an OpenID Connect provider and says who calls. Never issues any."""
