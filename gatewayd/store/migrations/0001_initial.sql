-- Site data: what people edit. Recipient ids (users, contacts, groups, plans) come from one sequence.
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    ways TEXT NOT NULL
) STRICT;
CREATE TABLE contacts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    line TEXT NOT NULL,
    address TEXT NOT NULL
) STRICT;
CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    members TEXT NOT NULL
) STRICT;
CREATE TABLE plans (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    steps TEXT NOT NULL,
    cycles INTEGER NOT NULL
) STRICT;
CREATE TABLE definitions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    recipient_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    reset_text TEXT NOT NULL,
    priority INTEGER,
    send_resets INTEGER NOT NULL
) STRICT;
CREATE TABLE routes (
    id INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    definition_id INTEGER NOT NULL,
    line TEXT NOT NULL,
    address TEXT NOT NULL,
    text TEXT NOT NULL,
    source TEXT NOT NULL
) STRICT;

-- What happens. AUTOINCREMENT: an id is never given twice, not even after a purge.
CREATE TABLE alarms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    line TEXT NOT NULL,
    key TEXT NOT NULL,
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    active_text TEXT NOT NULL,
    reset_text TEXT NOT NULL,
    priority INTEGER NOT NULL,
    active_time REAL NOT NULL,
    message_id INTEGER NOT NULL,
    definition_id INTEGER,
    recipient_id INTEGER,
    send_resets INTEGER NOT NULL,
    fault INTEGER NOT NULL,
    cleared_time REAL,
    reset_message_id INTEGER,
    accepted_by INTEGER,
    accepted_time REAL,
    cancelled_by INTEGER,
    repeats INTEGER NOT NULL,
    last_seen_time REAL NOT NULL
) STRICT;
CREATE UNIQUE INDEX alarms_active ON alarms (line, key) WHERE cleared_time IS NULL;
CREATE INDEX alarms_reset ON alarms (line, key, id) WHERE reset_message_id IS NOT NULL;
CREATE INDEX alarms_active_address ON alarms (line, address) WHERE cleared_time IS NULL;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL,
    priority INTEGER NOT NULL,
    queue_time REAL NOT NULL,
    kind TEXT NOT NULL,
    thread_id INTEGER NOT NULL,
    tone TEXT NOT NULL,
    alarm_id INTEGER,
    reply_to INTEGER,
    from_user_id INTEGER,
    from_line TEXT NOT NULL,
    from_address TEXT NOT NULL
) STRICT;
CREATE INDEX messages_alarm ON messages (alarm_id) WHERE alarm_id IS NOT NULL;

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    status INTEGER NOT NULL,
    status_time REAL NOT NULL,
    cycle INTEGER NOT NULL,
    step INTEGER NOT NULL,
    UNIQUE (user_id, message_id)
) STRICT;
CREATE INDEX events_message ON events (message_id);
CREATE INDEX events_inbox ON events (user_id, message_id) WHERE status <> 10; -- deleted ones are in no list

CREATE TABLE pages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL,
    line TEXT NOT NULL,
    address TEXT NOT NULL,
    text TEXT NOT NULL,
    priority INTEGER NOT NULL,
    created REAL NOT NULL,
    due REAL NOT NULL,
    expires REAL NOT NULL,
    queue_time REAL NOT NULL,
    alarm_id INTEGER,
    user_id INTEGER,
    contact_id INTEGER,
    cycle INTEGER NOT NULL,
    step INTEGER NOT NULL,
    way INTEGER NOT NULL,
    held INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    detail TEXT NOT NULL,
    reference TEXT NOT NULL,
    tone TEXT NOT NULL
) STRICT;
CREATE INDEX pages_message ON pages (message_id);
CREATE INDEX pages_queued ON pages (line) WHERE state = 'queued';
CREATE INDEX pages_reference ON pages (line, reference) WHERE reference <> '';
CREATE INDEX pages_address ON pages (line, address, id);

CREATE TABLE escalations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL,
    plan_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    due REAL NOT NULL,
    priority INTEGER NOT NULL,
    alarm_id INTEGER,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX escalations_message ON escalations (message_id);
CREATE INDEX escalations_running ON escalations (due) WHERE state = 'running';

CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    line TEXT NOT NULL,
    alarm_id INTEGER,
    message_id INTEGER,
    recipient_id INTEGER
) STRICT;
CREATE INDEX journal_alarm ON journal (alarm_id) WHERE alarm_id IS NOT NULL;

-- What the box itself has to remember.
CREATE TABLE tokens (
    hash TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL,
    created REAL NOT NULL,
    used REAL NOT NULL,
    client TEXT NOT NULL
) STRICT;
CREATE INDEX tokens_user ON tokens (user_id);
CREATE TABLE line_memory (
    line TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (line, key)
) STRICT;
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
