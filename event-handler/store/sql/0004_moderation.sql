-- What admins and moderators have decided, and its consequences.

-- The present state, one row per decision. What an area holds:
--   banned-pubkey, allowed-pubkey, banned-event   key: hex      value: {"reason"}
--   allowed-kind, denied-kind                     key: number   value: {}
--   blocked-ip                                    key: address or network   value: {"reason"}
--   relay                                         key: name, description, icon   value: {"text"}
--   moderator                                     key: hex      value: {"rights"}
--   role                                          key: id       value: {"label","description","color","order"}
--   member                                        key: hex      value: {"roles"}
--   invite                                        key: code     value: {"uses_left","expires_at","role"}
CREATE TABLE moderation (
    area text NOT NULL,
    key text NOT NULL,
    value jsonb NOT NULL,
    changed_at bigint NOT NULL,
    PRIMARY KEY (area, key)
);

CREATE TABLE moderation_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    address text NOT NULL,
    method text NOT NULL,
    params jsonb NOT NULL,
    reason text NOT NULL,
    changes jsonb NOT NULL,
    undoes bigint UNIQUE REFERENCES moderation_audit (id)
);
COMMENT ON COLUMN moderation_audit.actor IS 'Hex of a pubkey, or "operator", or "relay" for what it did by itself.';
COMMENT ON COLUMN moderation_audit.changes IS '[{"area","key","before","after"}]: undoing puts "before" back.';

CREATE FUNCTION moderation_audit_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER moderation_audit_rows BEFORE UPDATE OR DELETE ON moderation_audit
    FOR EACH ROW EXECUTE FUNCTION moderation_audit_is_final();
CREATE TRIGGER moderation_audit_table BEFORE TRUNCATE ON moderation_audit
    FOR EACH STATEMENT EXECUTE FUNCTION moderation_audit_is_final();

-- Bans hide at once by what event handlers hold in memory; this moves the rows afterwards.
CREATE TABLE moderation_moves (
    area text NOT NULL,
    key text NOT NULL,
    asked_at bigint NOT NULL,
    due_at bigint NOT NULL,
    PRIMARY KEY (area, key)
);
COMMENT ON TABLE moderation_moves IS 'Pubkeys and events whose ban was set or lifted: what the ban says now is brought about in small steps.';

CREATE TABLE withheld_events (
    id bytea PRIMARY KEY,
    pubkey bytea NOT NULL,
    created_at bigint NOT NULL,
    kind integer NOT NULL,
    tag_keys bigint[] NOT NULL,
    event text NOT NULL,
    withheld_at bigint NOT NULL
);
CREATE INDEX withheld_events_pubkey ON withheld_events (pubkey);
CREATE INDEX withheld_events_wraps ON withheld_events USING gin (tag_keys) WHERE kind = 1059;
COMMENT ON TABLE withheld_events IS 'Events taken out of service by a ban. Lifting it stores them anew, as if they had just arrived.';

CREATE TABLE reports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_kind text NOT NULL CHECK (target_kind IN ('event', 'pubkey')),
    target bytea NOT NULL,
    author bytea,
    reporter bytea NOT NULL,
    tier text NOT NULL,
    type text NOT NULL,
    reason text NOT NULL,
    event_id bytea NOT NULL,
    reported_at bigint NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'dismissed', 'acted')),
    resolved_at bigint,
    resolved_by text,
    UNIQUE (target, reporter)
);
CREATE INDEX reports_open ON reports (reported_at) WHERE state = 'open';
COMMENT ON TABLE reports IS 'NIP-56 reports by people whom this relay trusts. One row per reporter and target.';

CREATE TABLE nip98_seen (
    id bytea PRIMARY KEY,
    at bigint NOT NULL
);
COMMENT ON TABLE nip98_seen IS 'Hashes of the signatures of the last minutes: each is good for one request.';

CREATE TABLE relay_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind integer NOT NULL,
    key text NOT NULL,
    at bigint NOT NULL
);
COMMENT ON TABLE relay_outbox IS 'NIP-43 events that the relay has to sign and store; the row goes when that was done.';
