-- Wikimedia's recent changes, with the fields of the JSON as columns. It is a plain view: it costs
-- nothing itself, and the views over it pay for the columns that they read.
CREATE VIEW IF NOT EXISTS recentchanges AS
SELECT
    (event->>'id')::bigint AS id,
    event->>'type' AS type,
    (event->>'namespace')::bigint AS namespace,
    event->>'title' AS title,
    event->>'title_url' AS title_url,
    event->>'comment' AS comment,
    (event->>'timestamp')::bigint AS "timestamp",
    event->>'user' AS "user",
    (event->>'bot')::bool AS bot,
    (event->>'minor')::bool AS minor,
    (event->'length'->>'old')::bigint AS length_old,
    (event->'length'->>'new')::bigint AS length_new,
    (event->'revision'->>'old')::bigint AS revision_old,
    (event->'revision'->>'new')::bigint AS revision_new,
    event->>'log_type' AS log_type,
    event->>'log_action' AS log_action,
    event->>'server_name' AS server_name,
    event->>'wiki' AS wiki,
    event->'meta'->>'id' AS meta_id,
    event->'meta'->>'dt' AS meta_dt,
    event->'meta'->>'domain' AS meta_domain,
    event->'meta'->>'uri' AS meta_uri
FROM (SELECT data::jsonb AS event FROM wikimedia) AS lines;
