-- What the reporting line knows a message by: the key of a condition, or the device's own id of a text.
ALTER TABLE messages ADD COLUMN reference TEXT NOT NULL DEFAULT '';

-- Texts that were taken: a device that did not hear our answer sends the same one again.
CREATE TABLE taken_once (
    line TEXT NOT NULL,
    sender TEXT NOT NULL,
    reference TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (line, sender, reference)
) STRICT;
CREATE INDEX taken_once_created ON taken_once (created);
