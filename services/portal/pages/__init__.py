"""The pages, one module for each concern."""
