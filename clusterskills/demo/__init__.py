"""The demo: who acts in it, what is seeded, the journey that is walked, and the command that does all of it."""
