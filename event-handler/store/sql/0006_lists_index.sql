-- compatible-with: 5
-- no-transaction
-- The lists that the Web of Trust is built from, in the order of their arrival; built beside the writes.

DROP INDEX CONCURRENTLY IF EXISTS events_lists;
CREATE INDEX CONCURRENTLY events_lists ON events (seq) WHERE kind IN (3, 10000);
