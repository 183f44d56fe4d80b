-- A second data set: Wikimedia's wikis by the name of their database, with language and project.
-- Shows off a CSV file that is read once. The path, as the engine sees it, is a variable, too:
-- scripts/apply_sql knows it for an engine on this machine.
CREATE SOURCE IF NOT EXISTS wikis
FROM FILE :'wikis'
FORMAT CSV WITH HEADER (database, code, language, native, project);
