"""The source: appends Wikimedia's `recentchange` events to a file, one `data: {..}` line each.

`live`, `replay` and `generate` bring events; `strict` leaves out what would break the views above
the file, and `append` writes the lines so that a crash at any byte does no harm.
"""
