"""Rows that come in from other people's files and rows that go out: CSV, XLSX, JSON, NDJSON, Parquet.

Nothing here knows what a row means. `open_table` reads a file that somebody uploaded, within limits and row by row;
`mapping` proposes which column is which field; `values` understands local numbers, dates and hours; `writing` streams
rows out. What became of a row is an `Outcome`.
"""
