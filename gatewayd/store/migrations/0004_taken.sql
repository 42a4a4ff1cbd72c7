-- What was taken is only ever added at the end: an index by reference had one of its pages rewritten for every text.
-- That a text came before is known in memory, with the time; here it is looked up by that time.
ALTER TABLE taken_once RENAME TO taken_before;
CREATE TABLE taken_once (
    line TEXT NOT NULL,
    sender TEXT NOT NULL,
    reference TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;
INSERT INTO taken_once SELECT line, sender, reference, created FROM taken_before ORDER BY created;
DROP TABLE taken_before;
CREATE INDEX taken_once_created ON taken_once (created);
