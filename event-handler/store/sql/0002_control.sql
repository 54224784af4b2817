-- What event handlers watch to notice that something they hold in memory has changed. Whoever changes moderation state
-- raises version in the same transaction, whoever publishes trust raises wot_generation; then NOTIFY tandem_control.

CREATE TABLE control_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL DEFAULT 1,
    wot_generation bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO control_head DEFAULT VALUES;
COMMENT ON COLUMN control_head.version IS 'Of the moderation state: bans, lists, relay texts.';
COMMENT ON COLUMN control_head.wot_generation IS 'The newest published generation of the Web of Trust; 0 for none.';
