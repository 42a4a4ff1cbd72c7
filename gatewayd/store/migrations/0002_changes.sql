-- What clients of the API know of people and addresses, beside what the gateway itself needs.
ALTER TABLE users ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE contacts ADD COLUMN fields TEXT NOT NULL DEFAULT '{}';

-- Set on notifications to browsers: these are no pages of the message that they speak of.
ALTER TABLE pages ADD COLUMN push TEXT;

-- What users have not fetched yet. A row for each thing: its newest change takes the place of the older one. One tree
-- and no sequence, because every alarm writes here. The columns of the key come first: with another one before them the
-- integrity check of SQLite 3.40 reports NULLs that are not there.
CREATE TABLE notifications (
    user_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    object_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (user_id, kind, object_id)
) STRICT, WITHOUT ROWID;

-- Messages that were sent with a key: the same key again is answered the same and sends nothing.
CREATE TABLE sent_once (
    user_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT;
CREATE INDEX sent_once_created ON sent_once (created);
