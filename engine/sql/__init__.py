"""SQL as text and as data: the dialect, the tokens, the statements and their parsers."""
