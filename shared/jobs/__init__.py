"""Work that takes long: a document that any worker of the service carries on, chunk by chunk.

The effects of a chunk, what became of its rows and how far the job is are written in one transaction, which fails when
another worker took the job over in the meantime. So a process that is killed repeats nothing and leaves nothing out.
"""
