-- What SQLite's documentation lists (lang_createtable, lang_createindex, datatype3, stricttables, withoutrowid, gencol,
-- foreignkeys, lang_createtrigger, fts5, rtree, pragma), and values of every storage class where nobody expects them.
PRAGMA user_version = 41; PRAGMA application_id = 1196444487;

CREATE TABLE par(id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT COLLATE NOCASE UNIQUE ON CONFLICT IGNORE);
INSERT INTO par VALUES (1, 'a'), (2, 'B'), (50, 'gone'); DELETE FROM par WHERE id = 50;
CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO counted VALUES (9); DELETE FROM counted;

CREATE TABLE [any "thing; it's]  ( -- as somebody has typed it, with a 'quote
    i INT, big BIGINT, u UNSIGNED BIG INT, t TEXT, vc VARCHAR(20), c CLOB, b BLOB, "nothing", r REAL, dp DOUBLE PRECISION,
    n NUMERIC, de DECIMAL(10,2), bo BOOLEAN, da DATE, dt DATETIME, j JSON /* no ) end */, "select" TEXT, [a b] TEXT,
    `tick``s` TEXT, 'single' TEXT, größe TEXT, weird "a type; of (it's own"
);
INSERT INTO [any "thing; it's] VALUES
    (1, 9223372036854775807, 1, 'x', 'x', 'x', x'31', 1, 1.5, 0.1, 1.5, 12.50, 1, '2024-02-29', '2024-02-29 13:05:00', '{"a": 1}', 'a', 'b', 'c', 'd', 'e', 'f'),
    ('1', '12345678901234567890', -9223372036854775808, 1, 1.0, x'31', '1', 1.0, '1', 9e999, 'x', 'abc', 'true', 5, 1.5, 3, '', '', '', '', '', ''),
    (1.5, 'abc', x'31', x'', x'ff', NULL, NULL, '1', x'00', -9e999, x'', 1e300, 2, x'', 'no date', '{', '''', '"', char(0), 'a' || char(0) || 'b', '', NULL),
    ('text:1', 'number:1', 'broken:ff', 'text:1', 'number:1', 'broken:ff', '\x31', '\x31', 'Infinity', 'NaN', 'Infinity', '-Infinity', 'NULL', '1e5', '.5', '5.', '\x', '1', '1.0', '-1', ' 1', '1 '),
    (CAST(x'ff' AS TEXT), CAST(x'c328' AS TEXT), CAST(x'eda080' AS TEXT), CAST(x'610062' AS TEXT), CAST(x'ff00' AS TEXT), '😀', 'é', 'e' || char(769), 0.1, 5e-324, 1.7976931348623157e308, 0.30000000000000004, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, x'0102', -0.0, 0.0, 0, 9007199254740993, 0, '', '', '', x'00', x'ff', 'text:', 'number:', 'broken:', '\x');

CREATE TABLE strict_one(i INT, i2 INTEGER, r REAL, t TEXT, b BLOB, a ANY) STRICT;
INSERT INTO strict_one VALUES (1, 2, 3, '4', x'35', 6), (NULL, NULL, 1.5, '', x'', '6'), (0, 0, 0, 'x', x'00', 6.0), (0, 0, 0, 'y', x'00', x'36');
CREATE TABLE "without"(a TEXT COLLATE NOCASE, b BLOB, c ANY, PRIMARY KEY (b DESC, a, c)) STRICT, WITHOUT ROWID;
INSERT INTO "without" VALUES ('a', x'', 1), ('A', x'00', '1'), ('b', x'00', 1), ('b', x'00', 1.5), ('b', x'00', x'31');
CREATE TABLE textkey(k TEXT PRIMARY KEY, v); INSERT INTO textkey VALUES ('1', 1), ('a', 2), ('text:x', 3), ('', 4);
CREATE TABLE nullkey(k TEXT PRIMARY KEY, v); INSERT INTO nullkey VALUES (NULL, 1), (NULL, 2), ('a', 3);
CREATE TABLE realkey(k REAL PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO realkey VALUES (0.1, 1), (1, 2), (9e999, 3), ('x', 4);
CREATE TABLE desckey(id INTEGER PRIMARY KEY DESC, v); INSERT INTO desckey(rowid, id, v) VALUES (7, 2, 1), (3, NULL, 2);
CREATE TABLE rows_apart(a, b); INSERT INTO rows_apart(rowid, a, b) VALUES (-5, 1, 2), (9223372036854775807, 1, 2), (10, NULL, NULL);
CREATE TABLE hides(rowid, _rowid_, oid); INSERT INTO hides VALUES (1, 2, 3);
CREATE TABLE hides_one(rowid TEXT, v); INSERT INTO hides_one(_rowid_, rowid, v) VALUES (77, 'x', 1);

CREATE TABLE child(
    id INTEGER PRIMARY KEY, p INT REFERENCES Par ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
    up INT CONSTRAINT upwards REFERENCES child(id), later INT REFERENCES zlast(id), CHECK (child.p <> 13),
    CONSTRAINT two CHECK (id < 1000), FOREIGN KEY (p, up) REFERENCES pair(a, b) ON DELETE SET DEFAULT MATCH FULL
);
CREATE TABLE pair(a INT, b INT, UNIQUE (a, b)); INSERT INTO pair VALUES (1, 3);
CREATE TABLE zlast(id INTEGER PRIMARY KEY); INSERT INTO zlast VALUES (4);
INSERT INTO child VALUES (1, 1, 3, 4), (2, NULL, 1, NULL), (3, 2, NULL, NULL);

CREATE TABLE computed(
    id INTEGER PRIMARY KEY, n INT, twice INT GENERATED ALWAYS AS (n * 2) STORED, label TEXT AS ('n' || n) VIRTUAL,
    d1 TEXT DEFAULT 'x', d2 DEFAULT (1 + 1), d3 DEFAULT CURRENT_TIMESTAMP, d4 DEFAULT (strftime('%s', 'now')), d5 DEFAULT -1,
    d6 DEFAULT x'31', d7 DEFAULT NULL, d8 TEXT NOT NULL ON CONFLICT REPLACE DEFAULT ''
);
INSERT INTO computed(id, n, d3, d4) VALUES (1, 5, 'then', 'then'), (2, NULL, NULL, NULL);
ALTER TABLE computed ADD COLUMN added TEXT DEFAULT 'late' COLLATE RTRIM;
CREATE TABLE made_by_select AS SELECT 1 AS one, 'x' AS two, x'31' AS three, 1.5 AS "four 4";

CREATE INDEX plain ON computed(n); CREATE INDEX "odd ""index" ON computed("d8" DESC, d1 COLLATE NOCASE);
CREATE INDEX partial ON child(p) WHERE child.up IS NOT NULL AND p > 0; CREATE UNIQUE INDEX uni ON par(lower(t));
CREATE INDEX expression ON computed(abs(n), n + 1 DESC); CREATE INDEX [in [] ON [any "thing; it's]([a b], größe);
CREATE INDEX of_any ON "any ""thing; it's"(i, t);

CREATE TABLE log(what TEXT);
CREATE TRIGGER after_par AFTER INSERT ON par FOR EACH ROW WHEN new.id > 0 BEGIN
    INSERT INTO log SELECT par.t FROM par WHERE par.id = new.id; UPDATE child SET p = 1 WHERE 0;
    SELECT RAISE(IGNORE) WHERE new.t = 'never';
END;
CREATE TRIGGER before_par BEFORE UPDATE OF t ON par BEGIN DELETE FROM log WHERE what = old.t; END;
CREATE VIEW vw AS SELECT par.id, t, child.id AS child FROM par LEFT JOIN child ON child.p = par.id;
CREATE VIEW vw2(one, two) AS WITH w AS (SELECT * FROM vw) SELECT id, t FROM w;
CREATE VIEW broken AS SELECT * FROM gone;
CREATE TRIGGER instead INSTEAD OF INSERT ON vw BEGIN INSERT INTO par(t) VALUES (new.t); END;

CREATE VIRTUAL TABLE docs USING fts5(title, body UNINDEXED, tokenize = 'porter unicode61', prefix = '2 3');
INSERT INTO docs(rowid, title, body) VALUES (7, 'running dogs', 'x'), (900, 'cats', 'y'); INSERT INTO docs(docs, rank) VALUES ('automerge', 4);
CREATE VIRTUAL TABLE old_docs USING fts4(title, body, notindexed=body); INSERT INTO old_docs(docid, title) VALUES (12, 'old cats');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1); INSERT INTO boxes VALUES (1, 0, 1.5, -2.25, 3), (44, 1, 2, 3, 4);
CREATE VIRTUAL TABLE whole_boxes USING rtree_i32(id, x0, x1, +note TEXT); INSERT INTO whole_boxes VALUES (3, -5, 7, 'kept');
