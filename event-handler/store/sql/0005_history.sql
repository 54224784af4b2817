-- compatible-with: 4
-- What is kept beyond its time, and what is let go: overwritten lists of members, and how far retention has walked.

CREATE TABLE event_history (
    id bytea PRIMARY KEY,
    pubkey bytea NOT NULL,
    address bytea NOT NULL,
    kind integer NOT NULL,
    created_at bigint NOT NULL,
    tie bigint NOT NULL,
    size integer NOT NULL,
    replaced_at bigint NOT NULL,
    event text NOT NULL
);
CREATE INDEX event_history_owner ON event_history (pubkey, kind, created_at, tie);
CREATE INDEX event_history_address ON event_history (address, created_at, tie);
CREATE INDEX event_history_age ON event_history (replaced_at, id);
COMMENT ON TABLE event_history IS 'Replaced versions of the lists of members (HISTORY_KINDS). Shown to their author only.';

CREATE TABLE retention_progress (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    rules text NOT NULL DEFAULT '',
    created_at bigint NOT NULL DEFAULT -1,
    tie bigint NOT NULL DEFAULT 0,
    started_at bigint NOT NULL DEFAULT 0,
    finished_at bigint NOT NULL DEFAULT 0,
    looked_at bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    deleted_ever bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO retention_progress DEFAULT VALUES;
COMMENT ON TABLE retention_progress IS 'Where the walk of retention through events_time stands: it has dealt with everything up to (created_at, tie).';
COMMENT ON COLUMN retention_progress.finished_at IS 'Of the last whole walk; 0 while one is under way.';

-- NIP-62: reports by somebody who vanishes.
CREATE INDEX reports_reporter ON reports (reporter);
