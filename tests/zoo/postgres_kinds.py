"""What a table of PostgreSQL can be made of, kind by kind: scripts, each for a database of its own."""

from __future__ import annotations

from typing import Final

KINDS: Final = {
    "types of types": """
        CREATE TYPE "Odd ' type" AS ENUM ('a', 'c');
        ALTER TYPE "Odd ' type" ADD VALUE 'b' BEFORE 'c';
        CREATE SCHEMA "S 2";
        CREATE DOMAIN "S 2".small AS numeric(5,2) DEFAULT 1.5 CHECK (value < 100) CHECK (value > -100);
        CREATE DOMAIN smaller AS "S 2".small NOT NULL CONSTRAINT "it's" CHECK (value < 10);
        CREATE DOMAIN many AS int[] CHECK (array_length(value, 1) < 5);
        CREATE TYPE inner_pair AS (a int, b "Odd ' type");
        CREATE TYPE outer_pair AS (p inner_pair, q inner_pair[], d smaller);
        CREATE DOMAIN outer_domain AS outer_pair;
        CREATE TYPE textrange AS RANGE (SUBTYPE = text, COLLATION = "C", MULTIRANGE_TYPE_NAME = textranges);
        COMMENT ON TYPE inner_pair IS 'it''s a pair';
        COMMENT ON DOMAIN many IS 'many';
        CREATE TABLE t (id int PRIMARY KEY, e "Odd ' type", es "Odd ' type"[], s smaller, ss "S 2".small[], m many,
            o outer_pair, os outer_pair[], od outer_domain, r textrange, rs textranges, rr int8range[]);
        INSERT INTO t VALUES (1, 'c', '{a,c}', 1, '{2,3}', '{1,2}', ((1,'a'),ARRAY[(2,'c')::inner_pair],1), NULL,
            NULL, '["a","b"]', '{["a","b"],["c",)}', '{"[1,2)",empty}');
        INSERT INTO t (id, s) VALUES (2, 1);
    """,
    "values at the ends": r"""
        CREATE TABLE t (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz, ti time, n numeric, f float8, f4 real,
            j json, jb jsonb, a int[], ta text[], by bytea, c "char", nm name, tid tid, xid xid, iv interval, mo money,
            b bit(3), pt point, ci circle, tq tsquery, jp jsonpath, mac macaddr, cidr cidr, s int2, i8 int8, te text);
        INSERT INTO t VALUES
            (1, 'infinity', '-infinity', 'infinity', '24:00', 'NaN', '-Infinity', 'NaN', '{"a":1,"a":2, "b": 1.10}',
             '{"z":1e400}', '[0:1]={1,2}', '{NULL,"NULL","a\"b",""}', '\x00ff0a5c', 'z', 'nm', '(7,8)', '7',
             '-178000000 years', '-92233720368547758.08', '101', '(1e300,-0)', '<(0,0),Infinity>', 'fat & rat:*',
             '$.a[*] ? (@ > 1)', '08:00:2b:01:02:03', '10.0.0.0/8', -32768, -9223372036854775808, E'\\N\t\\.\n\r\x7f'),
            (2, '4713-01-01 BC', '294276-12-31 23:59:59.999999', '4714-11-24 00:00:00+00 BC', '00:00', 'Infinity',
             '4.9e-324', '1e-45', '"\ud800"', '[]', '{}', '{}', '', '', '', NULL, NULL, '1 mon -1 day +00:00:01',
             '0', '000', NULL, NULL, '', NULL, NULL, NULL, 32767, 9223372036854775807, '');
        INSERT INTO t (id, d, ts, n, f)
        VALUES (3, '0001-01-01 BC', '1999-12-31 24:00:00', repeat('9', 2000)::numeric / 7, 1e308);
    """,
    "keys": """
        CREATE TABLE none (a int, b text);
        CREATE TABLE two (a int, b text COLLATE "C", v text, PRIMARY KEY (b, a) INCLUDE (v));
        CREATE TABLE late (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, b int UNIQUE DEFERRABLE);
        CREATE TABLE odd ("a ""b" numeric PRIMARY KEY, "é" text);
        CREATE TABLE stamped (at timestamptz, who uuid, PRIMARY KEY (at, who));
        CREATE TABLE worded (w varchar(9), PRIMARY KEY (w)) WITH (fillfactor = 50, autovacuum_enabled = false);
        CREATE TABLE padded (c char(4) PRIMARY KEY, i inet);
        CREATE TABLE arrayed (a int[] PRIMARY KEY);
        CREATE TABLE unkeyed (a int NOT NULL UNIQUE);
        INSERT INTO none VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
        INSERT INTO two VALUES (1, 'ä', 'v'), (1, 'B', NULL); INSERT INTO late VALUES (1, 1), (2, NULL);
        INSERT INTO odd VALUES (1.50, 'x'), ('NaN', 'y'); INSERT INTO stamped VALUES ('infinity', gen_random_uuid());
        INSERT INTO worded VALUES (''), (' '), ('é'); INSERT INTO padded VALUES ('a', '10.0.0.1'), ('', '::1/8');
        INSERT INTO arrayed VALUES ('{1}'), ('{}'); INSERT INTO unkeyed VALUES (7);
    """,
    "references": """
        CREATE TABLE a (id int PRIMARY KEY, up int REFERENCES a ON DELETE SET NULL, b int);
        CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a DEFERRABLE INITIALLY DEFERRED, x int, y int,
                        UNIQUE (x, y));
        ALTER TABLE a ADD CONSTRAINT "to b" FOREIGN KEY (b) REFERENCES b ON UPDATE CASCADE ON DELETE SET DEFAULT;
        CREATE TABLE c (x int, y int, z int, FOREIGN KEY (x, y) REFERENCES b (x, y) MATCH FULL ON DELETE CASCADE,
                        FOREIGN KEY (z) REFERENCES a NOT DEFERRABLE);
        INSERT INTO a VALUES (1, NULL, NULL), (2, 1, NULL); INSERT INTO b VALUES (1, 2, 3, 4), (2, 1, 5, 6);
        UPDATE a SET b = 1 WHERE id = 2; INSERT INTO c VALUES (3, 4, 1), (NULL, NULL, 2);
        INSERT INTO c VALUES (NULL, NULL, NULL);
        CREATE TABLE lost (a int); INSERT INTO lost VALUES (99);
        ALTER TABLE lost ADD CONSTRAINT dangling FOREIGN KEY (a) REFERENCES a NOT VALID;
    """,
    "checks that do not hold": """
        CREATE TABLE t (id int PRIMARY KEY, n int, CONSTRAINT whole CHECK (n IS NOT NULL) NO INHERIT);
        INSERT INTO t VALUES (1, 1), (2, -2);
        ALTER TABLE t ADD CONSTRAINT later CHECK (n > 0) NOT VALID;
        COMMENT ON CONSTRAINT later ON t IS 'not for all';
    """,
    "functions": """
        CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
        CREATE FUNCTION next_id() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 7; END $$;
        CREATE FUNCTION fine(t text) RETURNS bool LANGUAGE sql IMMUTABLE RETURN t <> '';
        COMMENT ON FUNCTION twice IS 'two';
        CREATE DOMAIN fine_text AS text CHECK (fine(value));
        CREATE TABLE t (id int PRIMARY KEY DEFAULT next_id(), g int GENERATED ALWAYS AS (twice(id)) STORED,
            f fine_text, CHECK (twice(id) > 0));
        CREATE INDEX ON t (twice(id)); CREATE INDEX certain ON t (f) WHERE fine(f);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (twice(id) > 2);
        COMMENT ON POLICY p ON t IS 'who sees what';
        INSERT INTO t VALUES (1, DEFAULT, 'x');
    """,
    "extensions": """
        CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext; CREATE EXTENSION btree_gist; CREATE EXTENSION citext;
        CREATE EXTENSION fuzzystrmatch SCHEMA ext;
        CREATE TABLE t (id text PRIMARY KEY DEFAULT ext.soundex('a'), c citext UNIQUE, r int4range, n int,
                        EXCLUDE USING gist (n WITH =, r WITH &&));
        CREATE INDEX ON t USING gin (c ext.gin_trgm_ops);
        INSERT INTO t VALUES (DEFAULT, 'Aa', '[1,2)', 1);
    """,
    "sequences": """
        CREATE SEQUENCE shared START 5; CREATE SEQUENCE "Un ""used" MINVALUE -5 CYCLE CACHE 3 INCREMENT -1;
        COMMENT ON SEQUENCE shared IS 'both';
        CREATE TABLE a (id serial PRIMARY KEY, s int DEFAULT nextval('shared'));
        CREATE TABLE b (id int PRIMARY KEY DEFAULT nextval('a_id_seq'), s int DEFAULT nextval('shared'),
                        i smallint GENERATED BY DEFAULT AS IDENTITY (MAXVALUE 99 CYCLE));
        CREATE SEQUENCE "far'" OWNED BY b.s; ALTER SEQUENCE b_i_seq RENAME TO "it's";
        SELECT setval('a_id_seq', 50, false), setval('shared', 9), nextval('"Un ""used"');
        INSERT INTO a (id) VALUES (1), (2); INSERT INTO b (id) VALUES (1);
    """,
    "partitions": """
        CREATE SCHEMA parts;
        CREATE TABLE m (id int GENERATED ALWAYS AS IDENTITY, at date NOT NULL, kind text, v int DEFAULT 1,
                        CHECK (v > 0), PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE parts.m_old PARTITION OF m (v DEFAULT 2, CONSTRAINT old CHECK (v < 100)) FOR VALUES FROM (MINVALUE)
            TO ('2000-01-01') WITH (fillfactor = 60);
        CREATE TABLE m_new PARTITION OF m FOR VALUES FROM ('2000-01-01') TO (MAXVALUE) PARTITION BY LIST (at);
        CREATE TABLE m_new_a PARTITION OF m_new FOR VALUES IN ('2001-01-01');
        CREATE TABLE m_new_rest PARTITION OF m_new DEFAULT;
        CREATE TABLE l (kind text) PARTITION BY LIST (lower(kind));
        CREATE TABLE l_a PARTITION OF l FOR VALUES IN ('a', NULL); CREATE TABLE l_rest PARTITION OF l DEFAULT;
        INSERT INTO l VALUES ('A'), (NULL), ('b');
        CREATE INDEX m_kind ON m (kind); CREATE INDEX only_old ON parts.m_old (v);
        CREATE TABLE refers (id int PRIMARY KEY, m int, at date, FOREIGN KEY (m, at) REFERENCES m ON DELETE CASCADE);
        ALTER TABLE m ADD COLUMN r int REFERENCES refers; ALTER TABLE parts.m_old ADD FOREIGN KEY (r) REFERENCES refers;
        COMMENT ON TABLE parts.m_old IS 'old'; COMMENT ON COLUMN m_new_a.v IS 'v of a';
        CREATE TABLE h (id int, v int UNIQUE) PARTITION BY HASH (v);
        CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE UNLOGGED TABLE h1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE bare (a int, b int) PARTITION BY RANGE (a, b);
        INSERT INTO m (at, kind) VALUES ('1999-01-01', 'z'), ('2001-01-01', 'A'), ('2001-01-02', 'B'),
            ('2002-1-1', NULL);
        INSERT INTO h SELECT n, n FROM generate_series(1, 20) n; INSERT INTO refers VALUES (1, 1, '1999-01-01');
        UPDATE m SET r = 1 WHERE id = 1;
    """,
    "inheritance": """
        CREATE TABLE p (id int PRIMARY KEY, v text NOT NULL DEFAULT 'p', CHECK (id > 0));
        CREATE TABLE q (v text, w int);
        CREATE TABLE c (id int, x int, CHECK (x > 0)) INHERITS (p, q);
        CREATE TABLE g (PRIMARY KEY (id)) INHERITS (c);
        ALTER TABLE c ALTER v SET DEFAULT 'c';
        INSERT INTO p VALUES (1); INSERT INTO q VALUES ('q', 1); INSERT INTO c VALUES (2, DEFAULT, 3, 4);
        INSERT INTO g VALUES (3, 'g', 5, 6);
    """,
    "columns": """
        CREATE TYPE row_of AS (id int, v text);
        CREATE TABLE typed OF row_of (PRIMARY KEY (id), v DEFAULT 'x');
        CREATE TABLE t (gone int, a text, b text, "select" int, c text COLLATE "POSIX",
            n int, d timestamptz DEFAULT now(), e text DEFAULT '\\it''s', g text GENERATED ALWAYS AS (a || 'x') STORED,
            PRIMARY KEY ("select"));
        ALTER TABLE t ALTER a SET STORAGE MAIN, ALTER b SET COMPRESSION pglz;
        ALTER TABLE t DROP gone, ALTER n SET (n_distinct = -0.5), ALTER n SET STATISTICS 10;
        INSERT INTO typed VALUES (1); INSERT INTO t (a, "select", d) VALUES ('a', 1, '2020-01-01');
        CREATE TABLE wide_name_that_is_exactly_sixty_three_bytes_long_as_the_limit_is (id int PRIMARY KEY);
        CREATE INDEX wide_index_that_is_exactly_sixty_three_bytes_long_as_the_limi ON t (a, b);
        CREATE UNLOGGED TABLE "Un.logged" ("a.b" int);
        INSERT INTO "Un.logged" VALUES (1);
    """,
    "indexes": """
        CREATE TABLE t (id int PRIMARY KEY, a text, b jsonb, c int, ts tsvector, p point);
        CREATE INDEX ON t USING hash (a); CREATE INDEX ON t USING brin (c) WITH (pages_per_range = 4);
        CREATE INDEX ON t USING gin (b jsonb_path_ops); CREATE INDEX ON t USING gist (p); CREATE INDEX ON t (a DESC);
        CREATE INDEX ON t USING spgist (p); CREATE INDEX ON t (a text_pattern_ops, c DESC NULLS LAST) INCLUDE (b);
        CREATE UNIQUE INDEX partial ON t (a) NULLS NOT DISTINCT WHERE c > 1; CREATE INDEX ON t ((b ->> 'x'), (c + 1));
        ALTER INDEX t_expr_expr1_idx ALTER COLUMN 2 SET STATISTICS 100;
        CREATE INDEX coll ON t (a COLLATE "C"); ALTER INDEX coll SET (fillfactor = 42);
        COMMENT ON INDEX coll IS 'by bytes'; ALTER TABLE t CLUSTER ON t_pkey;
        CREATE STATISTICS st (ndistinct, mcv) ON a, c FROM t; COMMENT ON STATISTICS st IS 'both';
        CREATE STATISTICS sc ON (c + 1) FROM t; ALTER STATISTICS st SET STATISTICS 55;
        INSERT INTO t VALUES (1, 'a', '{"x":1}', 2, 'a', '(1,1)');
    """,
    "collations": """
        CREATE SCHEMA co;
        CREATE COLLATION co.bytes (provider = libc, locale = 'C');
        CREATE COLLATION "My C" FROM "C";
        CREATE DOMAIN word AS text COLLATE co.bytes;
        CREATE TABLE t (id int PRIMARY KEY, a text COLLATE co.bytes UNIQUE, b text COLLATE "My C", c word);
        CREATE INDEX ON t (b COLLATE co.bytes);
        INSERT INTO t VALUES (1, 'a', 'B', 'c');
    """,
}
