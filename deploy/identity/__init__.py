"""The Keycloak realm: who may sign in to the demo, which programs have clients, which role opens which scope.

`people.py` is what a person edits; `realm.py` makes `clusterskills-realm.json` of it, the file that every Keycloak
imports. The file holds no secret: passwords and client secrets are `${...}` placeholders filled from the environment.
"""
