-- Written by tests/unit/test_oracle_statements.py: every statement that the Oracle adapter sends.

-- connect
ALTER SESSION SET TIME_ZONE = '+00:00' NLS_SORT = 'BINARY' NLS_COMP = 'BINARY' NLS_NUMERIC_CHARACTERS = '.,' NLS_CALENDAR = 'GREGORIAN' NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS' NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF' NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF TZH:TZM';

-- ping
SELECT banner FROM v$version;

-- identity
SELECT SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'), SYS_CONTEXT('USERENV', 'SERVER_HOST'), SYS_CONTEXT('USERENV', 'INSTANCE_NAME'), SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual;

-- collections
SELECT table_name, table_type FROM all_tab_comments WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_type IN ('TABLE', 'VIEW');

-- create: a column of each type
CREATE TABLE "wide" ("id" NUMBER(19) NOT NULL, "c_bool" NUMBER(1), "c_int" NUMBER(19), "c_decimal" NUMBER, "c_float" BINARY_DOUBLE, "c_text" CLOB, "c_bytes" BLOB, "c_date" DATE, "c_time" VARCHAR2(15 CHAR), "c_datetime" TIMESTAMP(6), "c_instant" TIMESTAMP(6) WITH TIME ZONE, "c_uuid" VARCHAR2(36 CHAR), "c_json" CLOB CHECK ("c_json" IS JSON), PRIMARY KEY ("id"));
COMMENT ON COLUMN "wide"."c_bool" IS 'dbfleet:bool';
COMMENT ON COLUMN "wide"."c_date" IS 'dbfleet:date';
COMMENT ON COLUMN "wide"."c_time" IS 'dbfleet:time';
COMMENT ON COLUMN "wide"."c_uuid" IS 'dbfleet:uuid';
COMMENT ON COLUMN "wide"."c_json" IS 'dbfleet:json';

-- create: a key
CREATE TABLE "customers" ("id" NUMBER(19) NOT NULL, "code" VARCHAR2(20 CHAR) NOT NULL, "since" DATE, PRIMARY KEY ("id"));
COMMENT ON COLUMN "customers"."since" IS 'dbfleet:date';

-- create: a compound key, a reference, a partition
CREATE TABLE "Order Details" ("id" NUMBER(19) NOT NULL, "line" NUMBER(19) NOT NULL, "customer_id" NUMBER(19) NOT NULL, "price" NUMBER(12,2) NOT NULL, "it's" VARCHAR2(1000 CHAR), "long" CLOB, "at" TIMESTAMP(3) WITH TIME ZONE, "hash" RAW(16), PRIMARY KEY ("id", "line"), FOREIGN KEY ("customer_id") REFERENCES "customers" ("id"));
COMMENT ON TABLE "Order Details" IS 'dbfleet:{"partition":["id"]}';
COMMENT ON COLUMN "Order Details"."long" IS 'dbfleet:text(3000)';

-- create: an edge
CREATE TABLE "follows" ("src" NUMBER(19) NOT NULL, "dst" NUMBER(19) NOT NULL, PRIMARY KEY ("src", "dst"), FOREIGN KEY ("src") REFERENCES "customers" ("id"), FOREIGN KEY ("dst") REFERENCES "customers" ("id"));
COMMENT ON TABLE "follows" IS 'dbfleet:{"edge":true}';

-- create: keys of other types
CREATE TABLE "by text" ("k" VARCHAR2(4000 BYTE) NOT NULL, "v" NUMBER(19), PRIMARY KEY ("k"));
COMMENT ON COLUMN "by text"."k" IS 'dbfleet:text';
CREATE TABLE "by bytes" ("k" RAW(2000) NOT NULL, "v" NUMBER(19), PRIMARY KEY ("k"));
COMMENT ON COLUMN "by bytes"."k" IS 'dbfleet:bytes';
CREATE TABLE "by instant" ("k" TIMESTAMP(6) NOT NULL, "v" NUMBER(19), PRIMARY KEY ("k"));
COMMENT ON COLUMN "by instant"."k" IS 'dbfleet:instant';
CREATE TABLE "by uuid" ("k" VARCHAR2(36 CHAR) NOT NULL, "v" NUMBER(19), PRIMARY KEY ("k"));
COMMENT ON COLUMN "by uuid"."k" IS 'dbfleet:uuid';
CREATE TABLE "by decimal" ("k" NUMBER NOT NULL, "v" NUMBER(19), PRIMARY KEY ("k"));
CREATE TABLE "by two texts" ("a" VARCHAR2(3000 BYTE) NOT NULL, "b" VARCHAR2(3000 BYTE) NOT NULL, PRIMARY KEY ("a", "b"));
COMMENT ON COLUMN "by two texts"."a" IS 'dbfleet:text';
COMMENT ON COLUMN "by two texts"."b" IS 'dbfleet:text';

-- describe
SELECT table_type, comments FROM all_tab_comments WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1;  -- binds: VARCHAR2
SELECT c.column_name, c.data_type, c.data_length, c.char_length, c.char_used, c.data_precision, c.data_scale, c.nullable, c.virtual_column, m.comments, c.hidden_column, c.default_length, g.generation_type FROM all_tab_cols c LEFT JOIN all_col_comments m ON m.owner = c.owner AND m.table_name = c.table_name AND m.column_name = c.column_name LEFT JOIN all_tab_identity_cols g ON g.owner = c.owner AND g.table_name = c.table_name AND g.column_name = c.column_name WHERE c.owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND c.table_name = :1 AND c.user_generated = 'YES' ORDER BY c.column_id, c.internal_column_id;  -- binds: VARCHAR2
SELECT c.constraint_type, c.constraint_name, k.column_name, p.table_name, p.column_name FROM all_constraints c JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name LEFT JOIN all_cons_columns p ON p.owner = c.owner AND c.r_owner = c.owner AND p.constraint_name = c.r_constraint_name AND p.position = k.position WHERE c.owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND c.table_name = :1 AND c.constraint_type IN ('P', 'R') ORDER BY c.constraint_name, k.position;  -- binds: VARCHAR2

-- count
SELECT COUNT(*) FROM "Order Details";

-- write: insert
INSERT INTO "customers" ("id", "code", "since") VALUES (:1, :2, :3);  -- binds: NUMBER, VARCHAR2, DATE

-- write: insert with LOBs
INSERT INTO "wide" ("id", "c_bool", "c_int", "c_decimal", "c_float", "c_date", "c_time", "c_datetime", "c_instant", "c_uuid", "c_text", "c_bytes", "c_json") VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11, :12, :13);  -- binds: NUMBER, NUMBER, NUMBER, NUMBER, BINARY_DOUBLE, DATE, VARCHAR2, TIMESTAMP, TIMESTAMP WITH TIME ZONE, VARCHAR2, LONG, LONG RAW, LONG

-- write: upsert
MERGE INTO "customers" t USING (SELECT :1 AS "id", :2 AS "code", :3 AS "since" FROM DUAL) s ON (t."id" = s."id") WHEN MATCHED THEN UPDATE SET t."code" = s."code", t."since" = s."since" WHEN NOT MATCHED THEN INSERT ("id", "code", "since") VALUES (s."id", s."code", s."since");  -- binds: NUMBER, VARCHAR2, DATE

-- write: upsert of what is all key
MERGE INTO "follows" t USING (SELECT :1 AS "src", :2 AS "dst" FROM DUAL) s ON (t."src" = s."src" AND t."dst" = s."dst") WHEN NOT MATCHED THEN INSERT ("src", "dst") VALUES (s."src", s."dst");  -- binds: NUMBER, NUMBER

-- write: upsert with LOBs
UPDATE "Order Details" SET "customer_id" = :1, "price" = :2, "it's" = :3, "at" = :4, "hash" = :5, "long" = :6 WHERE "id" = :7 AND "line" = :8;  -- binds: NUMBER, NUMBER, VARCHAR2, TIMESTAMP WITH TIME ZONE, RAW, LONG, NUMBER, NUMBER
INSERT INTO "Order Details" ("id", "line", "customer_id", "price", "it's", "at", "hash", "long") VALUES (:1, :2, :3, :4, :5, :6, :7, :8);  -- binds: NUMBER, NUMBER, NUMBER, NUMBER, VARCHAR2, TIMESTAMP WITH TIME ZONE, RAW, LONG

-- scan
SELECT "id", "code", "since" FROM "customers";
SELECT "id", "line", "customer_id", "price", "it's", "long", SYS_EXTRACT_UTC("at"), "hash" FROM "Order Details";
SELECT "id", "c_bool", "c_int", "c_decimal", "c_float", "c_text", "c_bytes", "c_date", "c_time", "c_datetime", SYS_EXTRACT_UTC("c_instant"), "c_uuid", "c_json" FROM "wide";

-- split
SELECT COUNT(*) FROM "customers";
SELECT "id" FROM (SELECT "id", ROW_NUMBER() OVER (ORDER BY "id") AS "row number" FROM "customers") WHERE MOD("row number", :1) = 0 ORDER BY "row number";  -- binds: NUMBER
SELECT "id", "line" FROM (SELECT "id", "line", ROW_NUMBER() OVER (ORDER BY "id", "line") AS "row number" FROM "Order Details") WHERE MOD("row number", :1) = 0 ORDER BY "row number";  -- binds: NUMBER

-- scan: a part of a key
SELECT "id", "code", "since" FROM "customers" WHERE "id" >= :1 AND "id" < :2;  -- binds: NUMBER, NUMBER

-- scan: a part of a compound key
SELECT "id", "line", "customer_id", "price", "it's", "long", SYS_EXTRACT_UTC("at"), "hash" FROM "Order Details" WHERE "id" >= :1 AND ("id" > :2 OR ("line" >= :3)) AND "id" <= :4 AND ("id" < :5 OR ("line" < :6));  -- binds: NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER

-- get
SELECT "id", "code", "since" FROM "customers" WHERE "id" IN (:1);  -- binds: NUMBER

-- get: up to ten keys
SELECT "id", "code", "since" FROM "customers" WHERE "id" IN (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10);  -- binds: NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER

-- get: by a compound key
SELECT "id", "line", "customer_id", "price", "it's", "long", SYS_EXTRACT_UTC("at"), "hash" FROM "Order Details" WHERE ("id", "line") IN ((:1, :2));  -- binds: NUMBER, NUMBER

-- scan: what a condition chooses
SELECT "id", "code", "since" FROM "customers" WHERE ((NOT ("since" < DATE '2024-02-29')) OR ("since" IS NULL));

-- delete
DELETE FROM "customers" WHERE "id" = :1;  -- binds: NUMBER
DELETE FROM "Order Details" WHERE "id" = :1 AND "line" = :2;  -- binds: NUMBER, NUMBER

-- statements: changes as they are printed, and run by query
INSERT INTO "wide" ("id", "c_bool", "c_int", "c_decimal", "c_float", "c_text", "c_bytes", "c_date", "c_time", "c_datetime", "c_instant", "c_uuid", "c_json") VALUES (100, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO "wide" ("id", "c_bool", "c_int", "c_decimal", "c_float", "c_text", "c_bytes", "c_date", "c_time", "c_datetime", "c_instant", "c_uuid", "c_json") VALUES (101, 1, 0, 0, 0.0d, NULL, NULL, DATE '2024-02-29', '00:00:00', TIMESTAMP '2024-02-29 13:05:00.000000', TIMESTAMP '2024-02-29 13:05:00.000000 +00:00', '00000000-0000-0000-0000-000000000000', TO_CLOB('{}'));
INSERT INTO "wide" ("id", "c_bool", "c_int", "c_decimal", "c_float", "c_text", "c_bytes", "c_date", "c_time", "c_datetime", "c_instant", "c_uuid", "c_json") VALUES (102, 0, 1, 1.1, -0.0d, TO_CLOB(' '), TO_BLOB(HEXTORAW('00')), DATE '0001-01-01', '23:59:59.999999', TIMESTAMP '2024-01-01 00:00:00.999999', TIMESTAMP '2024-02-29 07:35:00.123456 +00:00', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', TO_CLOB('[]'));
INSERT INTO "wide" ("id", "c_bool", "c_int", "c_decimal", "c_float", "c_text", "c_bytes", "c_date", "c_time", "c_datetime", "c_instant", "c_uuid", "c_json") VALUES (103, NULL, -1, -0.01, 1.0d, TO_CLOB('plain'), TO_BLOB(HEXTORAW('FFFE0001')), DATE '9999-12-31', '13:05:00.25', TIMESTAMP '0001-01-01 00:00:00.000000', TIMESTAMP '1969-12-31 23:59:59.500001 +00:00', 'ffffffff-ffff-4fff-bfff-ffffffffffff', TO_CLOB('{"geo":{"lat":48.5,"lon":-2.25},"street":"Rue de l''Église","tags":["a","",null,true,1]}'));
INSERT INTO "wide" ("id", "c_bool", "c_int", "c_decimal", "c_float", "c_text", "c_bytes", "c_date", "c_time", "c_datetime", "c_instant", "c_uuid", "c_json") VALUES (104, 1, 2147483648, 0.1, 0.1d, TO_CLOB('trailing  '), TO_BLOB(HEXTORAW('000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF')), DATE '1582-10-10', '00:00:00.000001', TIMESTAMP '9999-12-31 23:59:59.999999', TIMESTAMP '1000-01-01 00:00:00.000000 +00:00', NULL, TO_CLOB('[[],{},[{"deep":[1,2]}]]'));
INSERT INTO "wide" ("id", "c_bool", "c_int", "c_decimal", "c_float", "c_text", "c_bytes", "c_date", "c_time", "c_datetime", "c_instant", "c_uuid", "c_json") VALUES (105, 0, -2147483649, 12345678901234567890.12345678, 0.3333333333333333d, TO_CLOB('NULL'), TO_BLOB(HEXTORAW('275C220A')), DATE '1969-12-31', NULL, TIMESTAMP '1969-12-31 23:59:59.500001', TIMESTAMP '9999-12-31 23:59:59.999999 +00:00', '00000000-0000-0000-0000-000000000000', TO_CLOB('{"big":9007199254740993,"exact":1.5,"neg":-7}'));
UPDATE "Order Details" SET "it's" = 'it''s', "long" = NULL, "hash" = NULL WHERE "id" = 0 AND "line" = 0;
DELETE FROM "Order Details" WHERE "id" = 1 AND "line" = 0;

-- extras: an index, a unique one
CREATE INDEX "by price" ON "Order Details" ("price", "line");
CREATE UNIQUE INDEX "by hash" ON "Order Details" ("hash", "id");
CREATE INDEX "by moment" ON "Order Details" ("at");

-- extras: defaults
ALTER TABLE "wide" MODIFY ("c_bool" DEFAULT 1);
ALTER TABLE "wide" MODIFY ("c_int" DEFAULT -7);
ALTER TABLE "wide" MODIFY ("c_decimal" DEFAULT 0.1);
ALTER TABLE "wide" MODIFY ("c_float" DEFAULT 1.5d);
ALTER TABLE "wide" MODIFY ("c_text" DEFAULT 'it''s');
ALTER TABLE "wide" MODIFY ("c_time" DEFAULT '13:05:00');
ALTER TABLE "wide" MODIFY ("c_uuid" DEFAULT '00000000-0000-0000-0000-000000000001');
ALTER TABLE "wide" MODIFY ("c_date" DEFAULT DATE '2024-02-29');
ALTER TABLE "wide" MODIFY ("c_date" DEFAULT TRUNC(CURRENT_DATE));
ALTER TABLE "wide" MODIFY ("c_datetime" DEFAULT TIMESTAMP '2024-02-29 13:05:00.000000');
ALTER TABLE "wide" MODIFY ("c_datetime" DEFAULT LOCALTIMESTAMP);
ALTER TABLE "wide" MODIFY ("c_instant" DEFAULT TIMESTAMP '2024-02-29 13:05:00.000000 +00:00');
ALTER TABLE "wide" MODIFY ("c_instant" DEFAULT SYSTIMESTAMP);

-- extras: the moment in a key, in UTC
ALTER TABLE "by instant" MODIFY ("k" DEFAULT SYS_EXTRACT_UTC(SYSTIMESTAMP));

-- extras: an identity
SELECT MAX("id") FROM "customers";
CREATE SEQUENCE "dbfleet:customers.id" START WITH 3;
ALTER TABLE "customers" MODIFY ("id" DEFAULT "dbfleet:customers.id".NEXTVAL);

-- extras
SELECT c.constraint_type, c.constraint_name, c.status, c.index_name, c.search_condition_vc, k.column_name FROM all_constraints c JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name WHERE c.owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND c.table_name = :1 AND c.constraint_type IN ('C', 'P', 'U') ORDER BY c.constraint_name, k.position, k.column_name;  -- binds: VARCHAR2
SELECT i.index_name, i.uniqueness, i.index_type, i.status, i.visibility, c.descend, c.column_name FROM all_indexes i JOIN all_ind_columns c ON c.index_owner = i.owner AND c.index_name = i.index_name WHERE i.table_owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND i.table_name = :1 AND i.index_type <> 'LOB' ORDER BY i.index_name, c.column_position;  -- binds: VARCHAR2
SELECT index_name, column_position, column_expression FROM all_ind_expressions WHERE table_owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 ORDER BY index_name, column_position;  -- binds: VARCHAR2
SELECT column_name, default_on_null, data_default FROM all_tab_cols WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 AND user_generated = 'YES' AND default_length IS NOT NULL ORDER BY column_id, internal_column_id;  -- binds: VARCHAR2
SELECT iot_type, temporary, cluster_name, read_only FROM all_tables WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1;  -- binds: VARCHAR2
SELECT mview_name FROM all_mviews WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND mview_name = :1;  -- binds: VARCHAR2
SELECT type_name FROM all_external_tables WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1;  -- binds: VARCHAR2
SELECT p.partitioning_type, k.column_name FROM all_part_tables p JOIN all_part_key_columns k ON k.owner = p.owner AND k.name = p.table_name AND k.object_type = 'TABLE' WHERE p.owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND p.table_name = :1 ORDER BY k.column_position;  -- binds: VARCHAR2
SELECT constraint_type, constraint_name, delete_rule, deferrable, deferred, status, validated, r_owner, r_constraint_name, CASE WHEN r_owner <> owner THEN 'YES' ELSE 'NO' END FROM all_constraints WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 AND constraint_type IN ('P', 'U', 'R') ORDER BY constraint_name;  -- binds: VARCHAR2
SELECT trigger_name FROM all_triggers WHERE table_owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 ORDER BY trigger_name;  -- binds: VARCHAR2
SELECT policy_name FROM all_policies WHERE object_owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND object_name = :1 ORDER BY policy_name;  -- binds: VARCHAR2
SELECT column_name, comments FROM all_col_comments WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 AND comments IS NOT NULL ORDER BY column_name;  -- binds: VARCHAR2
SELECT grantee FROM all_tab_privs WHERE table_schema = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 UNION ALL SELECT grantee FROM all_col_privs WHERE table_schema = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :2;  -- binds: VARCHAR2, VARCHAR2

-- count_on: behind the rows
SELECT increment_by, cache_size, last_number, min_value, max_value FROM all_sequences WHERE sequence_name = :1 AND sequence_owner = NVL(:2, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'));  -- binds: VARCHAR2, VARCHAR2

-- left: what the schema has
SELECT table_name, table_type FROM all_tab_comments WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_type IN ('TABLE', 'VIEW');
SELECT object_type, object_name FROM all_objects WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND generated = 'N' AND secondary = 'N' AND object_type NOT IN ('TABLE', 'INDEX', 'LOB', 'TRIGGER', 'PACKAGE BODY', 'TYPE BODY', 'TABLE PARTITION', 'TABLE SUBPARTITION', 'INDEX PARTITION', 'INDEX SUBPARTITION', 'LOB PARTITION', 'LOB SUBPARTITION') ORDER BY object_type, object_name;
SELECT trigger_name FROM all_triggers WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND TRIM(base_object_type) NOT IN ('TABLE', 'VIEW') ORDER BY trigger_name;

-- lost: what goes with a table

-- snapshot
SET TRANSACTION READ ONLY;
SELECT COUNT(*) FROM "customers";

-- query: a parameter
select :p1 from dual;
select :p1 from dual;  -- binds: VARCHAR2

-- query: a column with a time zone
select "id", "at" from "Order Details";
WITH "q" ("c1", "c2") AS (
select "id", "at" from "Order Details"
) SELECT "c1", SYS_EXTRACT_UTC("c2") FROM "q";

-- query: PL/SQL
begin null; end;

-- drop
SELECT table_type, comments FROM all_tab_comments WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1;  -- binds: VARCHAR2
SELECT c.column_name, c.data_type, c.data_length, c.char_length, c.char_used, c.data_precision, c.data_scale, c.nullable, c.virtual_column, m.comments, c.hidden_column, c.default_length, g.generation_type FROM all_tab_cols c LEFT JOIN all_col_comments m ON m.owner = c.owner AND m.table_name = c.table_name AND m.column_name = c.column_name LEFT JOIN all_tab_identity_cols g ON g.owner = c.owner AND g.table_name = c.table_name AND g.column_name = c.column_name WHERE c.owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND c.table_name = :1 AND c.user_generated = 'YES' ORDER BY c.column_id, c.internal_column_id;  -- binds: VARCHAR2
SELECT column_name, default_on_null, data_default FROM all_tab_cols WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 AND user_generated = 'YES' AND default_length IS NOT NULL ORDER BY column_id, internal_column_id;  -- binds: VARCHAR2
DROP TABLE "follows" PURGE;
DROP TABLE "Order Details" PURGE;
DROP TABLE "customers" PURGE;
DROP SEQUENCE "dbfleet:customers.id";

-- scan: how a column of a foreign type is read
SYS_EXTRACT_UTC("c")  -- TIMESTAMP WITH TIME ZONE
SYS_EXTRACT_UTC("c")  -- TIMESTAMP WITH LOCAL TIME ZONE
TO_CHAR("c")  -- INTERVAL YEAR TO MONTH
TO_CHAR("c")  -- INTERVAL DAY TO SECOND
ROWIDTOCHAR("c")  -- ROWID
CAST("c" AS VARCHAR2(4000))  -- UROWID
XMLSERIALIZE(CONTENT "c" AS CLOB)  -- XMLTYPE
JSON_SERIALIZE("c" RETURNING CLOB)  -- JSON
FROM_VECTOR("c" RETURNING CLOB)  -- VECTOR
