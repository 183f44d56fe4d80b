-- In the place of sql/10_wikimedia.sql on Materialize v0.27 and later, which has no file sources:
-- scripts/source --post URL posts the events here, many in one body.
CREATE SOURCE IF NOT EXISTS wikimedia_posts FROM WEBHOOK BODY FORMAT JSON;

-- Each event once. A webhook has no transactions: if the answer to a POST is lost, the events are
-- posted again, and may be in the source twice.
CREATE MATERIALIZED VIEW IF NOT EXISTS wikimedia AS
SELECT DISTINCT ON (event_id) data
FROM (
    SELECT coalesce(body->'meta'->>'id', body::text) AS event_id, body AS data FROM wikimedia_posts
) AS posts;
