"""SQL files: read, split into statements, compared with what an engine has, and applied.

`statements` reads the files, `definitions` finds what a statement creates, `catalog` reads what
the engine has, and `apply` brings the engine to what the files say.
"""
