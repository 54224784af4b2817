-- Events and what is needed to find them. Every index key is a fixed-width number:
--   author   first 8 bytes of pubkey as a signed big-endian number, top bit flipped (keeps the byte order)
--   tie      bitwise NOT of the same taken from id: newest first with ties to the lowest id is then
--            ORDER BY created_at DESC, tie DESC, one backward scan
--   key      SipHash-2-4 of letter and value with this database's own key (relay_secret)
-- Prefixes and hashes may collide; the event handler re-checks each row against the filter.

CREATE TABLE feed_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO feed_head (seq) VALUES (0);
COMMENT ON TABLE feed_head IS 'Newest committed seq. A writer locks this row for its whole transaction: commit order is seq order.';

CREATE TABLE relay_secret (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
INSERT INTO relay_secret (name, value)
VALUES ('tag_key', decode(replace(gen_random_uuid()::text, '-', ''), 'hex'));

CREATE TABLE events (
    seq bigint PRIMARY KEY,
    created_at bigint NOT NULL,
    tie bigint NOT NULL,
    author bigint NOT NULL,
    kind integer NOT NULL,
    size integer NOT NULL,
    expires_at bigint,
    id bytea NOT NULL,
    pubkey bytea NOT NULL,
    address bytea,
    tag_keys bigint[] NOT NULL,
    event text NOT NULL
);
CREATE UNIQUE INDEX events_id ON events (id);
CREATE UNIQUE INDEX events_address ON events (address) WHERE address IS NOT NULL;
CREATE INDEX events_time ON events (created_at, tie);
CREATE INDEX events_kind ON events (kind, created_at, tie);
CREATE INDEX events_author ON events (author, created_at, tie);
CREATE INDEX events_author_kind ON events (author, kind, created_at, tie);
CREATE INDEX events_expiry ON events (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON COLUMN events.event IS 'The event as canonical JSON, ready to send.';
COMMENT ON COLUMN events.address IS 'SHA-256 of kind:pubkey:d for replaceable and addressable kinds; unique, so two versions cannot coexist.';
COMMENT ON COLUMN events.tag_keys IS 'Keys of all single-letter tags, as in event_tags.';

CREATE TABLE event_tags (
    key bigint NOT NULL,
    created_at bigint NOT NULL,
    tie bigint NOT NULL,
    seq bigint NOT NULL,
    kind integer NOT NULL
);
CREATE INDEX event_tags_key ON event_tags (key, created_at, tie) INCLUDE (seq, kind);

CREATE TABLE deleted_events (
    id bytea NOT NULL,
    deleter bytea NOT NULL,
    PRIMARY KEY (id, deleter)
);
COMMENT ON TABLE deleted_events IS 'NIP-09: an event with this id is refused when deleter is its author, or a p-tagged recipient of a gift wrap.';

CREATE TABLE deleted_addresses (
    address bytea PRIMARY KEY,
    up_to bigint NOT NULL,
    by_author boolean NOT NULL
);
COMMENT ON TABLE deleted_addresses IS 'Versions of this address with created_at up to up_to are refused: deleted by their author, or outlived by an expired version.';

CREATE TABLE vanished (
    pubkey bytea PRIMARY KEY,
    up_to bigint NOT NULL
);
COMMENT ON TABLE vanished IS 'NIP-62: events of this pubkey, and gift wraps to it, with created_at up to up_to are refused.';

CREATE TABLE event_search (
    seq bigint PRIMARY KEY REFERENCES events (seq) ON DELETE CASCADE,
    words tsvector NOT NULL
);
CREATE INDEX event_search_words ON event_search USING gin (words);
CREATE TABLE search_progress (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL
);
INSERT INTO search_progress (seq) VALUES (0);
COMMENT ON TABLE search_progress IS 'NIP-50: events up to this seq are in event_search. Filled in the background, off the write path.';

ALTER TABLE events SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE event_tags SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05);
