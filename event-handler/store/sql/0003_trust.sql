-- The Web of Trust: follow lists as the builder sees them, and what it has published.

CREATE TABLE wot_lists (
    author bytea NOT NULL,
    kind integer NOT NULL,
    created_at bigint NOT NULL,
    id bytea NOT NULL,
    stored boolean NOT NULL,
    keys bytea NOT NULL,
    held bytea,
    vouch_day bigint NOT NULL DEFAULT 0,
    vouches integer NOT NULL DEFAULT 0,
    PRIMARY KEY (author, kind)
) WITH (fillfactor = 80);
ALTER TABLE wot_lists ALTER COLUMN keys SET STORAGE EXTERNAL;
COMMENT ON COLUMN wot_lists.keys IS 'Those named in p tags, 32 bytes each: what counts.';
COMMENT ON COLUMN wot_lists.held IS 'What the newest list says, where not all of it counts: it lost nine tenths of the one before, or names more new people than one may in a day.';
COMMENT ON COLUMN wot_lists.stored IS 'Its event is in events; false: it was fetched from another relay.';
COMMENT ON COLUMN wot_lists.vouches IS 'New people it has named on the day vouch_day (days since 1970): their number is limited.';

CREATE TABLE wot_progress (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL
);
INSERT INTO wot_progress (seq) VALUES (0);
COMMENT ON TABLE wot_progress IS 'Lists among the events up to this seq are in wot_lists.';

CREATE TABLE wot_generations (
    generation bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at bigint NOT NULL,
    reason text NOT NULL,
    published boolean NOT NULL,
    refused text,
    people integer NOT NULL,
    trusted integer NOT NULL,
    added integer NOT NULL,
    removed integer NOT NULL,
    milliseconds bigint NOT NULL
);
COMMENT ON COLUMN wot_generations.refused IS 'Why it was not published; a forced rebuild publishes all the same.';

CREATE TABLE wot_parts (
    generation bigint NOT NULL REFERENCES wot_generations (generation) ON DELETE CASCADE,
    part integer NOT NULL,
    people bytea NOT NULL,
    PRIMARY KEY (generation, part)
);
ALTER TABLE wot_parts ALTER COLUMN people SET STORAGE EXTERNAL;
COMMENT ON COLUMN wot_parts.people IS '36 bytes each: pubkey, level, bits (1 trusted, 2 muted, 4 an admin who follows somebody), followers (big-endian).';

CREATE TABLE wot_requests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asked_at bigint NOT NULL,
    force boolean NOT NULL
);
COMMENT ON TABLE wot_requests IS 'Rebuilds that somebody asked for and that have not begun.';
