"""The sources: append Wikimedia's `recentchange` events to a file, one `data: {..}` line each.

`live`, `replay` and `generate` yield events; `strict` refuses those that would break the views over
the file, and `append` writes the lines so that a crash at any byte does no harm.
"""
