-- Written by tests/unit/test_sqlserver_statements.py: every statement that the SQL Server adapter sends.

-- connect, to a database that is missing
SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; SET ANSI_NULL_DFLT_ON ON; SET TEXTSIZE 2147483647;
SELECT DB_ID(N'made');
CREATE DATABASE [made];
use [made];
SELECT CONVERT(int, @@SPID);

-- ping
SELECT @@VERSION, CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion'));

-- identity
SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ServerName')), CONVERT(nvarchar(128), SERVERPROPERTY('MachineName')),
DB_NAME();
SELECT d.create_date FROM sys.databases AS d WHERE d.name = N'tempdb';

-- collections
SELECT s.name FROM sys.schemas AS s;
SELECT s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type = 'V' AND o.is_ms_shipped = 0;
SELECT s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0;

-- create: a column of each type
SELECT SCHEMA_NAME();
BEGIN TRANSACTION;
CREATE TABLE [dbo].[wide] ([id] bigint NOT NULL, [c_bool] bit NULL, [c_int] bigint NULL, [c_decimal] decimal(38,8) NULL, [c_float] float(53) NULL, [c_text] nvarchar(max) NULL, [c_bytes] varbinary(max) NULL, [c_date] date NULL, [c_time] time(6) NULL, [c_datetime] datetime2(6) NULL, [c_instant] datetimeoffset(6) NULL, [c_uuid] uniqueidentifier NULL, [c_json] nvarchar(max) NULL, PRIMARY KEY ([id]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'decimal', N'SCHEMA', N'dbo', N'TABLE', N'wide', N'COLUMN', N'c_decimal';
EXEC sys.sp_addextendedproperty N'dbfleet', N'json', N'SCHEMA', N'dbo', N'TABLE', N'wide', N'COLUMN', N'c_json';
COMMIT TRANSACTION;

-- create: a key
BEGIN TRANSACTION;
CREATE TABLE [dbo].[customers] ([id] bigint NOT NULL, [code] nvarchar(20) NOT NULL, [since] date NULL, PRIMARY KEY ([id]));
COMMIT TRANSACTION;

-- query: DDL, untouched
create schema sales;

-- create: a compound key, a reference, a partition
-- (a table is looked up, as above)
SELECT o.object_id, o.name, RTRIM(o.type), CONVERT(nvarchar(4000), p.value)
FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
LEFT JOIN sys.extended_properties AS p
ON p.class = 1 AND p.major_id = o.object_id AND p.minor_id = 0 AND p.name = N'dbfleet'
WHERE s.name = N'dbo' AND o.name = N'customers' AND o.type IN ('U', 'V');
SELECT c.name, COALESCE(b.name, t.name), c.max_length, c.precision, c.scale, c.is_nullable, c.collation_name,
c.is_identity, c.is_computed, c.generated_always_type, c.is_column_set, CONVERT(nvarchar(4000), p.value)
FROM sys.columns AS c INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
LEFT JOIN sys.extended_properties AS p
ON p.class = 1 AND p.major_id = c.object_id AND p.minor_id = c.column_id AND p.name = N'dbfleet'
WHERE c.object_id = 1234 ORDER BY c.column_id;
BEGIN TRANSACTION;
CREATE TABLE [sales].[Order [Details]]] ([id] bigint NOT NULL, [line] nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL, [customer_id] bigint NOT NULL, [price] decimal(12,2) NOT NULL, [it's] nvarchar(max) NULL, [at] datetimeoffset(3) NULL, [hash] varbinary(16) NULL, PRIMARY KEY ([id], [line]), FOREIGN KEY ([customer_id]) REFERENCES [dbo].[customers] ([id]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'{"partition":["id"]}', N'SCHEMA', N'sales', N'TABLE', N'Order [Details]';
EXEC sys.sp_addextendedproperty N'dbfleet', N'text', N'SCHEMA', N'sales', N'TABLE', N'Order [Details]', N'COLUMN', N'line';
EXEC sys.sp_addextendedproperty N'dbfleet', N'text(5000)', N'SCHEMA', N'sales', N'TABLE', N'Order [Details]', N'COLUMN', N'it''s';
COMMIT TRANSACTION;

-- create: an edge
-- (a table is looked up, as above)
BEGIN TRANSACTION;
CREATE TABLE [dbo].[follows] ([src] bigint NOT NULL, [dst] bigint NOT NULL, PRIMARY KEY ([src], [dst]), FOREIGN KEY ([src]) REFERENCES [dbo].[customers] ([id]), FOREIGN KEY ([dst]) REFERENCES [dbo].[customers] ([id]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'{"edge":true}', N'SCHEMA', N'dbo', N'TABLE', N'follows';
COMMIT TRANSACTION;

-- create: keys of other types
BEGIN TRANSACTION;
CREATE TABLE [dbo].[by text] ([k] nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL, [v] bigint NULL, PRIMARY KEY ([k]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'text', N'SCHEMA', N'dbo', N'TABLE', N'by text', N'COLUMN', N'k';
COMMIT TRANSACTION;
CREATE TABLE [dbo].[by bytes] ([k] varbinary(900) NOT NULL, [v] bigint NULL, PRIMARY KEY ([k]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'bytes', N'SCHEMA', N'dbo', N'TABLE', N'by bytes', N'COLUMN', N'k';
CREATE TABLE [dbo].[by instant] ([k] datetimeoffset(6) NOT NULL, [v] bigint NULL, PRIMARY KEY ([k]));
CREATE TABLE [dbo].[by uuid] ([k] uniqueidentifier NOT NULL, [v] bigint NULL, PRIMARY KEY ([k]));
CREATE TABLE [dbo].[by decimal] ([k] decimal(38,8) NOT NULL, [v] bigint NULL, PRIMARY KEY ([k]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'decimal', N'SCHEMA', N'dbo', N'TABLE', N'by decimal', N'COLUMN', N'k';
CREATE TABLE [dbo].[by date] ([k] date NOT NULL, [v] bigint NULL, PRIMARY KEY ([k]));

-- describe
-- (a table is looked up, as above)
SELECT k.constraint_object_id, c.name, s.name, o.name, r.name FROM sys.foreign_key_columns AS k
INNER JOIN sys.columns AS c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
INNER JOIN sys.objects AS o ON o.object_id = k.referenced_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
INNER JOIN sys.columns AS r ON r.object_id = k.referenced_object_id AND r.column_id = k.referenced_column_id
WHERE k.parent_object_id = 1234 ORDER BY k.constraint_object_id, k.constraint_column_id;
-- (a table is looked up, as above)
SELECT c.name FROM sys.indexes AS i
INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = 1234 AND i.is_primary_key = 1 ORDER BY k.key_ordinal;

-- count
-- (a table is looked up, as above)
SELECT COUNT_BIG(*) FROM [sales].[Order [Details]]];

-- write: insert
-- (a table is looked up, as above)
EXEC sp_executesql N'SELECT r.[v] FROM OPENJSON(@rows) WITH ([v] nvarchar(max) ''$[0]'') AS r', N'@rows nvarchar(max)', @rows = N'[["\\\"\n\téxxx… (4100 of them)"]]';
BEGIN TRANSACTION;
EXEC sp_executesql N'INSERT INTO [dbo].[customers] ([id], [code], [since]) SELECT [c0], [c1], [c2] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] nvarchar(max) ''$[1]'', [c2] date ''$[2]'')', N'@rows nvarchar(max)', @rows = N'[[1,"a",null]]';
EXEC sp_executesql N'INSERT INTO [dbo].[customers] ([id], [code], [since]) SELECT [c0], [c1], [c2] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] nvarchar(max) ''$[1]'', [c2] date ''$[2]'')', N'@rows nvarchar(max)', @rows = N'[[2,"b",null],[3,"c",null]]';
COMMIT TRANSACTION;

-- write: insert of an existing key
-- (a table is looked up, as above)
BEGIN TRANSACTION;
EXEC sp_executesql N'INSERT INTO [dbo].[customers] ([id], [code], [since]) SELECT [c0], [c1], [c2] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] nvarchar(max) ''$[1]'', [c2] date ''$[2]'')', N'@rows nvarchar(max)', @rows = N'[[1,"again",null]]';
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;

-- write: insert, every type
-- (a table is looked up, as above)
BEGIN TRANSACTION;
EXEC sp_executesql N'INSERT INTO [dbo].[wide] ([id], [c_bool], [c_int], [c_decimal], [c_float], [c_text], [c_bytes], [c_date], [c_time], [c_datetime], [c_instant], [c_uuid], [c_json]) SELECT [c0], [c1], [c2], [c3], [c4], [c5], CONVERT(varbinary(max), [c6], 2), [c7], [c8], [c9], [c10], [c11], [c12] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] bit ''$[1]'', [c2] bigint ''$[2]'', [c3] decimal(38,8) ''$[3]'', [c4] float(53) ''$[4]'', [c5] nvarchar(max) ''$[5]'', [c6] nvarchar(max) ''$[6]'', [c7] date ''$[7]'', [c8] time(6) ''$[8]'', [c9] datetime2(6) ''$[9]'', [c10] datetimeoffset(6) ''$[10]'', [c11] uniqueidentifier ''$[11]'', [c12] nvarchar(max) ''$[12]'')', N'@rows nvarchar(max)', @rows = N'[[1,1,9223372036854775807,"1.5",0.1,"back\\slash","00ff","2024-02-29","01:02:03.999999","2024-02-29T01:02:03.999999","2024-02-29T01:02:03.999999+00:00","00000000-0000-0000-0000-000000000001","{\"a\":[1,null]}"]]';
COMMIT TRANSACTION;

-- write: insert of U+0000
-- (a table is looked up, as above)
BEGIN TRANSACTION;
EXEC sp_executesql N'INSERT INTO [dbo].[customers] ([id], [code], [since]) SELECT [c0], CONVERT(nvarchar(max), CONVERT(varbinary(max), [c1], 2)), [c2] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] nvarchar(max) ''$[1]'', [c2] date ''$[2]'')', N'@rows nvarchar(max)', @rows = N'[[4,"610000006200",null]]';
COMMIT TRANSACTION;

-- write: insert, as literals
-- (a table is looked up, as above)
BEGIN TRANSACTION;
INSERT INTO [dbo].[wide] ([id], [c_bool], [c_int], [c_decimal], [c_float], [c_text], [c_bytes], [c_date], [c_time], [c_datetime], [c_instant], [c_uuid], [c_json]) SELECT [c0], [c1], [c2], [c3], [c4], [c5], CONVERT(varbinary(max), [c6], 2), [c7], [c8], [c9], [c10], [c11], [c12] FROM (VALUES (CAST(N'2' AS bigint), CAST(N'1' AS bit), CAST(N'9223372036854775807' AS bigint), CAST(N'1.5' AS decimal(38,8)), CAST(N'0.1' AS float(53)), CAST(N'back\slash' AS nvarchar(max)), CAST(N'00ff' AS nvarchar(max)), CAST(N'2024-02-29' AS date), CAST(N'01:02:03.999999' AS time(6)), CAST(N'2024-02-29T01:02:03.999999' AS datetime2(6)), CAST(N'2024-02-29T01:02:03.999999+00:00' AS datetimeoffset(6)), CAST(N'00000000-0000-0000-0000-000000000001' AS uniqueidentifier), CAST(N'{"a":[1,null]}' AS nvarchar(max))), (CAST(N'3' AS bigint), CAST(NULL AS bit), CAST(NULL AS bigint), CAST(NULL AS decimal(38,8)), CAST(NULL AS float(53)), CAST(NULL AS nvarchar(max)), CAST(NULL AS nvarchar(max)), CAST(NULL AS date), CAST(NULL AS time(6)), CAST(NULL AS datetime2(6)), CAST(NULL AS datetimeoffset(6)), CAST(NULL AS uniqueidentifier), CAST(NULL AS nvarchar(max)))) AS r ([c0], [c1], [c2], [c3], [c4], [c5], [c6], [c7], [c8], [c9], [c10], [c11], [c12]);
COMMIT TRANSACTION;

-- write: upsert
-- (a table is looked up, as above)
BEGIN TRANSACTION;
EXEC sp_executesql N'UPDATE t SET t.[customer_id] = s.[customer_id], t.[price] = s.[price], t.[it''s] = s.[it''s], t.[at] = s.[at], t.[hash] = s.[hash] FROM [sales].[Order [Details]]] AS t WITH (UPDLOCK, HOLDLOCK) INNER JOIN (SELECT [c0] AS [id], [c1] AS [line], [c2] AS [customer_id], [c3] AS [price], [c4] AS [it''s], [c5] AS [at], CONVERT(varbinary(max), [c6], 2) AS [hash] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] nvarchar(max) ''$[1]'', [c2] bigint ''$[2]'', [c3] decimal(12,2) ''$[3]'', [c4] nvarchar(max) ''$[4]'', [c5] datetimeoffset(3) ''$[5]'', [c6] nvarchar(max) ''$[6]'')) AS s ON t.[id] = s.[id] AND t.[line] = s.[line] COLLATE Latin1_General_100_BIN2 AND DATALENGTH(t.[line]) = DATALENGTH(s.[line]);
INSERT INTO [sales].[Order [Details]]] ([id], [line], [customer_id], [price], [it''s], [at], [hash]) SELECT s.[id], s.[line], s.[customer_id], s.[price], s.[it''s], s.[at], s.[hash] FROM (SELECT [c0] AS [id], [c1] AS [line], [c2] AS [customer_id], [c3] AS [price], [c4] AS [it''s], [c5] AS [at], CONVERT(varbinary(max), [c6], 2) AS [hash] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] nvarchar(max) ''$[1]'', [c2] bigint ''$[2]'', [c3] decimal(12,2) ''$[3]'', [c4] nvarchar(max) ''$[4]'', [c5] datetimeoffset(3) ''$[5]'', [c6] nvarchar(max) ''$[6]'')) AS s WHERE NOT EXISTS (SELECT 1 FROM [sales].[Order [Details]]] AS t WITH (UPDLOCK, HOLDLOCK) WHERE t.[id] = s.[id] AND t.[line] = s.[line] COLLATE Latin1_General_100_BIN2 AND DATALENGTH(t.[line]) = DATALENGTH(s.[line]))', N'@rows nvarchar(max)', @rows = N'[[0,"a",1,"9.99","it''s\n","2024-02-29T01:02:03.999+00:00","7a"],[1,"a",1,"9.99","it''s\n","2024-02-29T01:02:03.999+00:00","7a"],[2,"a",1,"9.99","it''s\n","2024-02-29T01:02:03.999+00:00","7a"]]';
COMMIT TRANSACTION;

-- write: upsert of what is all key
-- (a table is looked up, as above)
BEGIN TRANSACTION;
EXEC sp_executesql N'INSERT INTO [dbo].[follows] ([src], [dst]) SELECT s.[src], s.[dst] FROM (SELECT [c0] AS [src], [c1] AS [dst] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] bigint ''$[1]'')) AS s WHERE NOT EXISTS (SELECT 1 FROM [dbo].[follows] AS t WITH (UPDLOCK, HOLDLOCK) WHERE t.[src] = s.[src] AND t.[dst] = s.[dst])', N'@rows nvarchar(max)', @rows = N'[[1,2]]';
COMMIT TRANSACTION;

-- scan
-- (a table is looked up, as above)
SELECT [id], [line], [customer_id], [price], [it's], [at], [hash] FROM [sales].[Order [Details]]];
-- (a table is looked up, as above)
SELECT [id], [c_bool], [c_int], [c_decimal], [c_float], [c_text], [c_bytes], [c_date], [c_time], [c_datetime], [c_instant], [c_uuid], [c_json] FROM [dbo].[wide];

-- split
-- (a table is looked up, as above)
SELECT COUNT_BIG(*) FROM [dbo].[customers];
SELECT [id] FROM (SELECT [id], ROW_NUMBER() OVER (ORDER BY [id]) AS [dbfleet_place] FROM [dbo].[customers]) AS q WHERE q.[dbfleet_place] IN (2, 3) ORDER BY [id];
-- (a table is looked up, as above)
SELECT COUNT_BIG(*) FROM [sales].[Order [Details]]];
SELECT [id], [line] FROM (SELECT [id], [line], ROW_NUMBER() OVER (ORDER BY [id], [line]) AS [dbfleet_place] FROM [sales].[Order [Details]]]) AS q WHERE q.[dbfleet_place] IN (2, 3) ORDER BY [id], [line];

-- scan: a part of a key
-- (a table is looked up, as above)
SELECT [id], [code], [since] FROM [dbo].[customers] WHERE [id] >= 1 AND [id] < 2;

-- scan: a part of a compound key
-- (a table is looked up, as above)
SELECT [id], [line], [customer_id], [price], [it's], [at], [hash] FROM [sales].[Order [Details]]] WHERE [id] >= 1 AND ([id] > 1 OR ([line] >= N'a''b')) AND [id] <= 4 AND ([id] < 4 OR ([line] < N''));

-- get
-- (a table is looked up, as above)
EXEC sp_executesql N'SELECT t.[id], t.[code], t.[since] FROM [dbo].[customers] AS t INNER JOIN (SELECT [c0] AS [id] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'')) AS s ON t.[id] = s.[id]', N'@rows nvarchar(max)', @rows = N'[[1]]';

-- get: by a compound key
-- (a table is looked up, as above)
EXEC sp_executesql N'SELECT t.[id], t.[line], t.[customer_id], t.[price], t.[it''s], t.[at], t.[hash] FROM [sales].[Order [Details]]] AS t INNER JOIN (SELECT [c0] AS [id], [c1] AS [line] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] nvarchar(max) ''$[1]'')) AS s ON t.[id] = s.[id] AND t.[line] = s.[line] COLLATE Latin1_General_100_BIN2 AND DATALENGTH(t.[line]) = DATALENGTH(s.[line])', N'@rows nvarchar(max)', @rows = N'[[1,"a"],[2,"b"]]';

-- scan: what a condition chooses
-- (a table is looked up, as above)
SELECT [id], [code], [since] FROM [dbo].[customers] WHERE ((NOT ([since] < CAST(N'2024-02-29' AS date))) OR ([since] IS NULL));

-- delete
-- (a table is looked up, as above)
BEGIN TRANSACTION;
EXEC sp_executesql N'DELETE t FROM [dbo].[customers] AS t WHERE EXISTS (SELECT 1 FROM (SELECT [c0] AS [id] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'')) AS s WHERE t.[id] = s.[id])', N'@rows nvarchar(max)', @rows = N'[[8]]';
COMMIT TRANSACTION;
-- (a table is looked up, as above)
EXEC sp_executesql N'DELETE t FROM [sales].[Order [Details]]] AS t WHERE EXISTS (SELECT 1 FROM (SELECT [c0] AS [id], [c1] AS [line] FROM OPENJSON(@rows) WITH ([c0] bigint ''$[0]'', [c1] nvarchar(max) ''$[1]'')) AS s WHERE t.[id] = s.[id] AND t.[line] = s.[line] COLLATE Latin1_General_100_BIN2 AND DATALENGTH(t.[line]) = DATALENGTH(s.[line]))', N'@rows nvarchar(max)', @rows = N'[[8,"a"],[9,"b"]]';

-- statements: changes as they are printed, and run by query
-- (a table is looked up, as above)
INSERT INTO [dbo].[wide] ([id], [c_bool], [c_int], [c_decimal], [c_float], [c_text], [c_bytes], [c_date], [c_time], [c_datetime], [c_instant], [c_uuid], [c_json]) VALUES (9, 1, 9223372036854775807, CAST(N'1.5' AS decimal(38,8)), CAST(N'0.1' AS float(53)), N'back\slash', 0x00ff, CAST(N'2024-02-29' AS date), CAST(N'01:02:03.999999' AS time(6)), CAST(N'2024-02-29T01:02:03.999999' AS datetime2(6)), CAST(N'2024-02-29T01:02:03.999999+00:00' AS datetimeoffset(6)), CAST(N'00000000-0000-0000-0000-000000000001' AS uniqueidentifier), N'{"a":[1,null]}');
-- (a table is looked up, as above)
UPDATE [sales].[Order [Details]]] SET [price] = CAST(N'-1.5' AS decimal(12,2)), [it's] = NULL, [hash] = CONVERT(varbinary(max), CAST(N'' AS nvarchar(max)), 2) WHERE [id] = 0 AND [line] = N'a' AND DATALENGTH([line]) = DATALENGTH(N'a');
DELETE FROM [sales].[Order [Details]]] WHERE [id] = 1 AND [line] = N'a' AND DATALENGTH([line]) = DATALENGTH(N'a');

-- query: batches
print 'x'; select 1 as a;
select 2 as b;

-- query: parameters
DECLARE @dbfleet_batch nvarchar(max) = N'select @n as n, @t as t'; DECLARE @dbfleet_0 bigint = 1; DECLARE @dbfleet_1 nvarchar(max) = N'it''s'; EXEC sp_executesql @dbfleet_batch, N'@n bigint, @t nvarchar(max)', @n = @dbfleet_0, @t = @dbfleet_1;

-- extras: indexes
-- (a table is looked up, as above)
BEGIN TRANSACTION;
CREATE INDEX [since] ON [dbo].[customers] ([since], [code]);
COMMIT TRANSACTION;
CREATE UNIQUE INDEX [Code]]s] ON [dbo].[customers] ([code], [since]) WHERE [since] IS NOT NULL;

-- extras: what a table has
-- (a table is looked up, as above)
SELECT i.index_id, i.name, i.type_desc, i.is_unique, i.is_disabled, i.filter_definition, i.ignore_dup_key,
k.key_ordinal, k.is_included_column, k.is_descending_key, c.name
FROM sys.indexes AS i
INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = 1234 AND i.is_primary_key = 0 AND i.is_hypothetical = 0 ORDER BY i.index_id, k.key_ordinal;
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
SELECT t.temporal_type, s.name, h.name, t.is_memory_optimized, t.is_external, t.is_filetable, t.is_tracked_by_cdc FROM sys.tables AS t LEFT JOIN sys.objects AS h ON h.object_id = t.history_table_id LEFT JOIN sys.schemas AS s ON s.schema_id = h.schema_id WHERE t.object_id = 1234;
SELECT s.name, c.name FROM sys.partition_schemes AS s INNER JOIN sys.indexes AS i ON i.data_space_id = s.data_space_id INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id WHERE i.object_id = 1234 AND i.index_id IN (0, 1) AND k.partition_ordinal = 1;
SELECT c.name, c.definition, c.is_persisted FROM sys.computed_columns AS c WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT c.name, c.generated_always_type_desc FROM sys.columns AS c WHERE c.object_id = 1234 AND c.generated_always_type <> 0 ORDER BY c.column_id;
SELECT c.name, CONVERT(nvarchar(40), c.increment_value) FROM sys.identity_columns AS c WHERE c.object_id = 1234;
SELECT c.name, c.is_sparse, c.is_column_set, c.is_filestream, c.is_rowguidcol, c.is_hidden FROM sys.columns AS c WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT c.name, c.masking_function FROM sys.masked_columns AS c WHERE c.object_id = 1234 AND c.is_masked = 1 ORDER BY c.column_id;
SELECT c.name, s.name, t.name FROM sys.columns AS c INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE c.object_id = 1234 AND t.is_user_defined = 1 ORDER BY c.column_id;
SELECT c.name, o.name FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.default_object_id WHERE c.object_id = 1234 AND o.parent_object_id = 0 ORDER BY c.column_id;
SELECT c.name, o.name FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.rule_object_id WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT k.name, k.definition, k.is_disabled FROM sys.check_constraints AS k WHERE k.parent_object_id = 1234 ORDER BY k.object_id;
SELECT f.name, f.delete_referential_action_desc, f.update_referential_action_desc, f.is_disabled, f.is_not_trusted FROM sys.foreign_keys AS f WHERE f.parent_object_id = 1234 ORDER BY f.object_id;
SELECT g.name FROM sys.triggers AS g WHERE g.parent_id = 1234 ORDER BY g.object_id;
SELECT p.name, c.name FROM sys.extended_properties AS p LEFT JOIN sys.columns AS c ON c.object_id = p.major_id AND c.column_id = p.minor_id WHERE p.class = 1 AND p.major_id = 1234 AND p.name <> N'dbfleet' ORDER BY p.minor_id;
SELECT p.name, o.name FROM sys.extended_properties AS p INNER JOIN sys.objects AS o ON o.object_id = p.major_id WHERE p.class = 1 AND o.parent_object_id = 1234;
SELECT p.name, i.name FROM sys.extended_properties AS p INNER JOIN sys.indexes AS i ON i.object_id = p.major_id AND i.index_id = p.minor_id WHERE p.class = 7 AND p.major_id = 1234;
SELECT x.name FROM sys.stats AS x WHERE x.object_id = 1234 AND x.user_created = 1;
SELECT x.object_id FROM sys.fulltext_indexes AS x WHERE x.object_id = 1234;
SELECT p.name FROM sys.security_predicates AS x INNER JOIN sys.security_policies AS p ON p.object_id = x.object_id WHERE x.target_object_id = 1234;
SELECT x.object_id FROM sys.change_tracking_tables AS x WHERE x.object_id = 1234;
SELECT x.class FROM sys.database_permissions AS x WHERE x.class = 1 AND x.major_id = 1234;
SELECT t.ledger_type_desc FROM sys.tables AS t WHERE t.object_id = 1234 AND t.ledger_type <> 0;
SELECT t.is_node FROM sys.tables AS t WHERE t.object_id = 1234 AND (t.is_node = 1 OR t.is_edge = 1);
SELECT CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), N'Collation'));
SELECT c.name FROM sys.indexes AS i
INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = 1234 AND i.is_primary_key = 1 ORDER BY k.key_ordinal;
SELECT k.constraint_object_id, c.name, s.name, o.name, r.name FROM sys.foreign_key_columns AS k
INNER JOIN sys.columns AS c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
INNER JOIN sys.objects AS o ON o.object_id = k.referenced_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
INNER JOIN sys.columns AS r ON r.object_id = k.referenced_object_id AND r.column_id = k.referenced_column_id
WHERE k.parent_object_id = 1234 ORDER BY k.constraint_object_id, k.constraint_column_id;

-- extras: a default of each type, the moment in place of three, another text
BEGIN TRANSACTION;
CREATE TABLE [dbo].[given] ([id] bigint NOT NULL, [bool] bit NULL, [int] bigint NULL, [decimal] decimal(38,8) NULL, [float] float(53) NULL, [text] nvarchar(max) NULL, [bytes] varbinary(max) NULL, [date] date NULL, [time] time(6) NULL, [datetime] datetime2(6) NULL, [instant] datetimeoffset(6) NULL, [uuid] uniqueidentifier NULL, [json] nvarchar(max) NULL, PRIMARY KEY ([id]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'decimal', N'SCHEMA', N'dbo', N'TABLE', N'given', N'COLUMN', N'decimal';
EXEC sys.sp_addextendedproperty N'dbfleet', N'json', N'SCHEMA', N'dbo', N'TABLE', N'given', N'COLUMN', N'json';
COMMIT TRANSACTION;
-- (a table is looked up, as above)
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
ALTER TABLE [dbo].[given] ADD DEFAULT 1 FOR [bool];
ALTER TABLE [dbo].[given] ADD DEFAULT 9223372036854775807 FOR [int];
ALTER TABLE [dbo].[given] ADD DEFAULT 1.5 FOR [decimal];
ALTER TABLE [dbo].[given] ADD DEFAULT 0.1E0 FOR [float];
ALTER TABLE [dbo].[given] ADD DEFAULT CONVERT(nvarchar(max), 0x6200610063006b005c000a0073006c00610073006800) FOR [text];
ALTER TABLE [dbo].[given] ADD DEFAULT 0x00ff FOR [bytes];
ALTER TABLE [dbo].[given] ADD DEFAULT N'2024-02-29' FOR [date];
ALTER TABLE [dbo].[given] ADD DEFAULT N'01:02:03.999999' FOR [time];
ALTER TABLE [dbo].[given] ADD DEFAULT N'2024-02-29T01:02:03.999999' FOR [datetime];
ALTER TABLE [dbo].[given] ADD DEFAULT N'2024-02-29T01:02:03.999999+00:00' FOR [instant];
ALTER TABLE [dbo].[given] ADD DEFAULT N'00000000-0000-0000-0000-000000000001' FOR [uuid];
ALTER TABLE [dbo].[given] ADD DEFAULT N'{"a":[1,null]}' FOR [json];
ALTER TABLE [dbo].[given] DROP CONSTRAINT [DF__given__date__…];
ALTER TABLE [dbo].[given] ADD DEFAULT CONVERT(date, SYSDATETIME()) FOR [date];
ALTER TABLE [dbo].[given] DROP CONSTRAINT [DF__given__datet__…];
ALTER TABLE [dbo].[given] ADD DEFAULT SYSDATETIME() FOR [datetime];
ALTER TABLE [dbo].[given] DROP CONSTRAINT [DF__given__insta__…];
ALTER TABLE [dbo].[given] ADD DEFAULT SYSUTCDATETIME() FOR [instant];
ALTER TABLE [dbo].[given] DROP CONSTRAINT [DF__given__text__…];
ALTER TABLE [dbo].[given] ADD DEFAULT N'it''s' FOR [text];

-- extras: what counts up
-- (a table is looked up, as above)
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
SELECT MAX([id]) FROM [sales].[Order [Details]]];
BEGIN TRANSACTION;
DROP SEQUENCE IF EXISTS [sales].[dbfleet:Order [Details]]:id];
CREATE SEQUENCE [sales].[dbfleet:Order [Details]]:id] AS bigint START WITH 3;
ALTER TABLE [sales].[Order [Details]]] ADD DEFAULT NEXT VALUE FOR [sales].[dbfleet:Order [Details]]:id] FOR [id];
COMMIT TRANSACTION;

-- count_on: behind the rows
-- (a table is looked up, as above)
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
SELECT CONVERT(nvarchar(40), q.current_value), CONVERT(nvarchar(40), q.increment),
CONVERT(nvarchar(40), q.minimum_value), CONVERT(nvarchar(40), q.maximum_value)
FROM sys.sequences AS q INNER JOIN sys.schemas AS s ON s.schema_id = q.schema_id
WHERE s.name = N'sales' AND q.name = N'dbfleet:Order [Details]:id';
SELECT MAX([id]) FROM [sales].[Order [Details]]];

-- left: what the database has
-- (a table is looked up, as above)
SELECT s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type = 'V' AND o.is_ms_shipped = 0;
SELECT RTRIM(o.type), s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id WHERE o.is_ms_shipped = 0 AND o.parent_object_id = 0 AND o.type IN ('V', 'P', 'PC', 'X', 'FN', 'IF', 'TF', 'FS', 'FT', 'AF', 'SO', 'SN', 'SQ', 'R', 'D', 'ET');
SELECT s.name, t.name FROM sys.types AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE t.is_user_defined = 1;
SELECT x.name FROM sys.xml_schema_collections AS x INNER JOIN sys.schemas AS s ON s.schema_id = x.schema_id WHERE s.name <> N'sys';
SELECT x.name FROM sys.assemblies AS x WHERE x.is_user_defined = 1;
SELECT x.name FROM sys.triggers AS x WHERE x.parent_class = 0;
SELECT x.name FROM sys.security_policies AS x;
SELECT x.name FROM sys.partition_functions AS x;
SELECT x.name FROM sys.partition_schemes AS x;
SELECT x.name FROM sys.fulltext_catalogs AS x;
SELECT x.name FROM sys.extended_properties AS x WHERE x.class = 0;

-- lost: what goes with a table
-- (a table is looked up, as above)
SELECT s.name, o.name, k.referenced_object_id FROM sys.foreign_key_columns AS k
INNER JOIN sys.objects AS o ON o.object_id = k.parent_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE k.referenced_object_id IN (1234) AND k.parent_object_id NOT IN (1234);
SELECT s.name, o.name, d.referenced_id FROM sys.sql_expression_dependencies AS d
INNER JOIN sys.objects AS o ON o.object_id = d.referencing_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE d.is_schema_bound_reference = 1 AND d.referenced_id IN (1234) AND o.object_id NOT IN (1234)
AND o.parent_object_id NOT IN (1234);
SELECT t.object_id, t.temporal_type, t.is_memory_optimized, t.is_external FROM sys.tables AS t
WHERE t.object_id IN (1234);
SELECT i.index_id, i.name, i.type_desc, i.is_unique, i.is_disabled, i.filter_definition, i.ignore_dup_key,
k.key_ordinal, k.is_included_column, k.is_descending_key, c.name
FROM sys.indexes AS i
INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = 1234 AND i.is_primary_key = 0 AND i.is_hypothetical = 0 ORDER BY i.index_id, k.key_ordinal;
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
SELECT t.temporal_type, s.name, h.name, t.is_memory_optimized, t.is_external, t.is_filetable, t.is_tracked_by_cdc FROM sys.tables AS t LEFT JOIN sys.objects AS h ON h.object_id = t.history_table_id LEFT JOIN sys.schemas AS s ON s.schema_id = h.schema_id WHERE t.object_id = 1234;
SELECT s.name, c.name FROM sys.partition_schemes AS s INNER JOIN sys.indexes AS i ON i.data_space_id = s.data_space_id INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id WHERE i.object_id = 1234 AND i.index_id IN (0, 1) AND k.partition_ordinal = 1;
SELECT c.name, c.definition, c.is_persisted FROM sys.computed_columns AS c WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT c.name, c.generated_always_type_desc FROM sys.columns AS c WHERE c.object_id = 1234 AND c.generated_always_type <> 0 ORDER BY c.column_id;
SELECT c.name, CONVERT(nvarchar(40), c.increment_value) FROM sys.identity_columns AS c WHERE c.object_id = 1234;
SELECT c.name, c.is_sparse, c.is_column_set, c.is_filestream, c.is_rowguidcol, c.is_hidden FROM sys.columns AS c WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT c.name, c.masking_function FROM sys.masked_columns AS c WHERE c.object_id = 1234 AND c.is_masked = 1 ORDER BY c.column_id;
SELECT c.name, s.name, t.name FROM sys.columns AS c INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE c.object_id = 1234 AND t.is_user_defined = 1 ORDER BY c.column_id;
SELECT c.name, o.name FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.default_object_id WHERE c.object_id = 1234 AND o.parent_object_id = 0 ORDER BY c.column_id;
SELECT c.name, o.name FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.rule_object_id WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT k.name, k.definition, k.is_disabled FROM sys.check_constraints AS k WHERE k.parent_object_id = 1234 ORDER BY k.object_id;
SELECT f.name, f.delete_referential_action_desc, f.update_referential_action_desc, f.is_disabled, f.is_not_trusted FROM sys.foreign_keys AS f WHERE f.parent_object_id = 1234 ORDER BY f.object_id;
SELECT g.name FROM sys.triggers AS g WHERE g.parent_id = 1234 ORDER BY g.object_id;
SELECT p.name, c.name FROM sys.extended_properties AS p LEFT JOIN sys.columns AS c ON c.object_id = p.major_id AND c.column_id = p.minor_id WHERE p.class = 1 AND p.major_id = 1234 AND p.name <> N'dbfleet' ORDER BY p.minor_id;
SELECT p.name, o.name FROM sys.extended_properties AS p INNER JOIN sys.objects AS o ON o.object_id = p.major_id WHERE p.class = 1 AND o.parent_object_id = 1234;
SELECT p.name, i.name FROM sys.extended_properties AS p INNER JOIN sys.indexes AS i ON i.object_id = p.major_id AND i.index_id = p.minor_id WHERE p.class = 7 AND p.major_id = 1234;
SELECT x.name FROM sys.stats AS x WHERE x.object_id = 1234 AND x.user_created = 1;
SELECT x.object_id FROM sys.fulltext_indexes AS x WHERE x.object_id = 1234;
SELECT p.name FROM sys.security_predicates AS x INNER JOIN sys.security_policies AS p ON p.object_id = x.object_id WHERE x.target_object_id = 1234;
SELECT x.object_id FROM sys.change_tracking_tables AS x WHERE x.object_id = 1234;
SELECT x.class FROM sys.database_permissions AS x WHERE x.class = 1 AND x.major_id = 1234;
SELECT t.ledger_type_desc FROM sys.tables AS t WHERE t.object_id = 1234 AND t.ledger_type <> 0;
SELECT t.is_node FROM sys.tables AS t WHERE t.object_id = 1234 AND (t.is_node = 1 OR t.is_edge = 1);

-- swap: two tables, into another schema, an index, what counts up
-- (a table is looked up, as above)
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
DROP TABLE IF EXISTS [dbo].[follows];
BEGIN TRANSACTION;
CREATE TABLE [dbo].[_dbfleet_new_1] ([id] bigint NOT NULL, [code] nvarchar(20) NOT NULL, [since] date NULL, PRIMARY KEY ([id]));
COMMIT TRANSACTION;
-- (a table is looked up, as above)
CREATE TABLE [dbo].[_dbfleet_new_2] ([id] bigint NOT NULL, [line] nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL, [customer_id] bigint NOT NULL, [price] decimal(12,2) NOT NULL, [it's] nvarchar(max) NULL, [at] datetimeoffset(3) NULL, [hash] varbinary(16) NULL, PRIMARY KEY ([id], [line]), FOREIGN KEY ([customer_id]) REFERENCES [dbo].[_dbfleet_new_1] ([id]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'{"partition":["id"]}', N'SCHEMA', N'dbo', N'TABLE', N'_dbfleet_new_2';
EXEC sys.sp_addextendedproperty N'dbfleet', N'text', N'SCHEMA', N'dbo', N'TABLE', N'_dbfleet_new_2', N'COLUMN', N'line';
EXEC sys.sp_addextendedproperty N'dbfleet', N'text(5000)', N'SCHEMA', N'dbo', N'TABLE', N'_dbfleet_new_2', N'COLUMN', N'it''s';
CREATE INDEX [staged] ON [dbo].[_dbfleet_new_1] ([since]);
-- (a table is looked up, as above)
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
SELECT MAX([id]) FROM [dbo].[_dbfleet_new_2];
DROP SEQUENCE IF EXISTS [dbo].[dbfleet:_dbfleet_new_2:id];
CREATE SEQUENCE [dbo].[dbfleet:_dbfleet_new_2:id] AS bigint START WITH 1;
ALTER TABLE [dbo].[_dbfleet_new_2] ADD DEFAULT NEXT VALUE FOR [dbo].[dbfleet:_dbfleet_new_2:id] FOR [id];
-- (a table is looked up, as above)
SELECT s.name, o.name, k.referenced_object_id FROM sys.foreign_key_columns AS k
INNER JOIN sys.objects AS o ON o.object_id = k.parent_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE k.referenced_object_id IN (1234) AND k.parent_object_id NOT IN (1234);
SELECT k.parent_object_id, k.referenced_object_id FROM sys.foreign_key_columns AS k
WHERE k.parent_object_id IN (1234) AND k.referenced_object_id IN (1234);
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
DROP TABLE [sales].[Order [Details]]];
DROP SEQUENCE IF EXISTS [sales].[dbfleet:Order [Details]]:id];
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
DROP TABLE [dbo].[customers];
EXEC sys.sp_rename N'[dbo].[_dbfleet_new_1].[staged]', N'by since', N'INDEX';
SELECT o.name FROM sys.objects AS o WHERE o.parent_object_id = 1234 AND o.type IN ('PK', 'UQ', 'F', 'D', 'C');
EXEC sys.sp_rename N'[dbo].[PK___dbfleet___…]', N'PK__customers__…', N'OBJECT';
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
EXEC sys.sp_rename N'[dbo].[_dbfleet_new_1]', N'customers', N'OBJECT';
SELECT o.name FROM sys.objects AS o WHERE o.parent_object_id = 1234 AND o.type IN ('PK', 'UQ', 'F', 'D', 'C');
EXEC sys.sp_rename N'[dbo].[PK___dbfleet___…]', N'PK__Order [De__…', N'OBJECT';
EXEC sys.sp_rename N'[dbo].[FK___dbfleet___…]', N'FK__Order [De__…', N'OBJECT';
EXEC sys.sp_rename N'[dbo].[DF___dbfleet___id__…]', N'DF__Order [De__…', N'OBJECT';
ALTER SCHEMA [sales] TRANSFER [dbo].[_dbfleet_new_2];
EXEC sys.sp_rename N'[sales].[_dbfleet_new_2]', N'Order [Details]', N'OBJECT';
SELECT MAX([id]) FROM [sales].[Order [Details]]];
ALTER TABLE [sales].[Order [Details]]] DROP CONSTRAINT [DF__Order [De__…];
CREATE SEQUENCE [sales].[dbfleet:Order [Details]]:id] AS bigint START WITH 1;
ALTER TABLE [sales].[Order [Details]]] ADD DEFAULT NEXT VALUE FOR [sales].[dbfleet:Order [Details]]:id] FOR [id];
CREATE TABLE [dbo].[follows] ([src] bigint NOT NULL, [dst] bigint NOT NULL, PRIMARY KEY ([src], [dst]), FOREIGN KEY ([src]) REFERENCES [dbo].[customers] ([id]), FOREIGN KEY ([dst]) REFERENCES [dbo].[customers] ([id]));
EXEC sys.sp_addextendedproperty N'dbfleet', N'{"edge":true}', N'SCHEMA', N'dbo', N'TABLE', N'follows';
SELECT s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0;
SELECT k.constraint_object_id, c.name, s.name, o.name, r.name FROM sys.foreign_key_columns AS k
INNER JOIN sys.columns AS c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
INNER JOIN sys.objects AS o ON o.object_id = k.referenced_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
INNER JOIN sys.columns AS r ON r.object_id = k.referenced_object_id AND r.column_id = k.referenced_column_id
WHERE k.parent_object_id = 1234 ORDER BY k.constraint_object_id, k.constraint_column_id;
SELECT c.name FROM sys.indexes AS i
INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = 1234 AND i.is_primary_key = 1 ORDER BY k.key_ordinal;
SELECT i.index_id, i.name, i.type_desc, i.is_unique, i.is_disabled, i.filter_definition, i.ignore_dup_key,
k.key_ordinal, k.is_included_column, k.is_descending_key, c.name
FROM sys.indexes AS i
INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = 1234 AND i.is_primary_key = 0 AND i.is_hypothetical = 0 ORDER BY i.index_id, k.key_ordinal;
SELECT t.temporal_type, s.name, h.name, t.is_memory_optimized, t.is_external, t.is_filetable, t.is_tracked_by_cdc FROM sys.tables AS t LEFT JOIN sys.objects AS h ON h.object_id = t.history_table_id LEFT JOIN sys.schemas AS s ON s.schema_id = h.schema_id WHERE t.object_id = 1234;
SELECT s.name, c.name FROM sys.partition_schemes AS s INNER JOIN sys.indexes AS i ON i.data_space_id = s.data_space_id INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id WHERE i.object_id = 1234 AND i.index_id IN (0, 1) AND k.partition_ordinal = 1;
SELECT c.name, c.definition, c.is_persisted FROM sys.computed_columns AS c WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT c.name, c.generated_always_type_desc FROM sys.columns AS c WHERE c.object_id = 1234 AND c.generated_always_type <> 0 ORDER BY c.column_id;
SELECT c.name, CONVERT(nvarchar(40), c.increment_value) FROM sys.identity_columns AS c WHERE c.object_id = 1234;
SELECT c.name, c.is_sparse, c.is_column_set, c.is_filestream, c.is_rowguidcol, c.is_hidden FROM sys.columns AS c WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT c.name, c.masking_function FROM sys.masked_columns AS c WHERE c.object_id = 1234 AND c.is_masked = 1 ORDER BY c.column_id;
SELECT c.name, s.name, t.name FROM sys.columns AS c INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE c.object_id = 1234 AND t.is_user_defined = 1 ORDER BY c.column_id;
SELECT c.name, o.name FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.default_object_id WHERE c.object_id = 1234 AND o.parent_object_id = 0 ORDER BY c.column_id;
SELECT c.name, o.name FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.rule_object_id WHERE c.object_id = 1234 ORDER BY c.column_id;
SELECT k.name, k.definition, k.is_disabled FROM sys.check_constraints AS k WHERE k.parent_object_id = 1234 ORDER BY k.object_id;
SELECT f.name, f.delete_referential_action_desc, f.update_referential_action_desc, f.is_disabled, f.is_not_trusted FROM sys.foreign_keys AS f WHERE f.parent_object_id = 1234 ORDER BY f.object_id;
SELECT g.name FROM sys.triggers AS g WHERE g.parent_id = 1234 ORDER BY g.object_id;
SELECT p.name, c.name FROM sys.extended_properties AS p LEFT JOIN sys.columns AS c ON c.object_id = p.major_id AND c.column_id = p.minor_id WHERE p.class = 1 AND p.major_id = 1234 AND p.name <> N'dbfleet' ORDER BY p.minor_id;
SELECT p.name, o.name FROM sys.extended_properties AS p INNER JOIN sys.objects AS o ON o.object_id = p.major_id WHERE p.class = 1 AND o.parent_object_id = 1234;
SELECT p.name, i.name FROM sys.extended_properties AS p INNER JOIN sys.indexes AS i ON i.object_id = p.major_id AND i.index_id = p.minor_id WHERE p.class = 7 AND p.major_id = 1234;
SELECT x.name FROM sys.stats AS x WHERE x.object_id = 1234 AND x.user_created = 1;
SELECT x.object_id FROM sys.fulltext_indexes AS x WHERE x.object_id = 1234;
SELECT p.name FROM sys.security_predicates AS x INNER JOIN sys.security_policies AS p ON p.object_id = x.object_id WHERE x.target_object_id = 1234;
SELECT x.object_id FROM sys.change_tracking_tables AS x WHERE x.object_id = 1234;
SELECT x.class FROM sys.database_permissions AS x WHERE x.class = 1 AND x.major_id = 1234;
SELECT t.ledger_type_desc FROM sys.tables AS t WHERE t.object_id = 1234 AND t.ledger_type <> 0;
SELECT t.is_node FROM sys.tables AS t WHERE t.object_id = 1234 AND (t.is_node = 1 OR t.is_edge = 1);
SELECT CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), N'Collation'));

-- swap: refused, as another table refers to what would go
BEGIN TRANSACTION;
CREATE TABLE [dbo].[_dbfleet_new_3] ([id] bigint NOT NULL, [code] nvarchar(20) NOT NULL, [since] date NULL, PRIMARY KEY ([id]));
COMMIT TRANSACTION;
-- (a table is looked up, as above)
SELECT s.name, o.name, k.referenced_object_id FROM sys.foreign_key_columns AS k
INNER JOIN sys.objects AS o ON o.object_id = k.parent_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE k.referenced_object_id IN (1234) AND k.parent_object_id NOT IN (1234);
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
-- (a table is looked up, as above)
SELECT s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0;
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
DROP TABLE IF EXISTS [dbo].[_dbfleet_new_3];

-- drop
-- (a table is looked up, as above)
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
DROP TABLE IF EXISTS [dbo].[follows];
-- (a table is looked up, as above)
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = 1234 ORDER BY c.column_id;
DROP TABLE IF EXISTS [sales].[Order [Details]]];
DROP SEQUENCE IF EXISTS [sales].[dbfleet:Order [Details]]:id];
-- (a table is looked up, as above)

-- scan: how a column of a foreign type is read
CONVERT(nvarchar(max), [c])  -- char
CONVERT(nvarchar(max), [c])  -- varchar
CONVERT(nvarchar(max), [c])  -- text
CONVERT(nvarchar(max), [c])  -- ntext
CONVERT(nvarchar(max), [c])  -- xml
CONVERT(nvarchar(max), [c])  -- json
CONVERT(nvarchar(max), [c])  -- vector
CONVERT(nvarchar(4000), [c])  -- sql_variant
[c].ToString()  -- hierarchyid
[c].STAsText()  -- geography
[c].STAsText()  -- geometry
CONVERT(varbinary(8), [c])  -- timestamp
CONVERT(varbinary(max), [c])  -- image

-- write: what OPENJSON gives for a column of a type, and how that is stored; others as they are
nvarchar(max): [c0]  -- char
nvarchar(max): [c0]  -- varchar
nvarchar(max): [c0]  -- nchar
nvarchar(max): [c0]  -- nvarchar
nvarchar(max): [c0]  -- text
nvarchar(max): [c0]  -- ntext
nvarchar(max): [c0]  -- xml
nvarchar(max): [c0]  -- json
nvarchar(max): [c0]  -- vector
nvarchar(max): CONVERT(varbinary(max), [c0], 2)  -- binary
nvarchar(max): CONVERT(varbinary(max), [c0], 2)  -- varbinary
nvarchar(max): CONVERT(varbinary(max), [c0], 2)  -- image
nvarchar(max): hierarchyid::Parse([c0])  -- hierarchyid
nvarchar(max): geography::STGeomFromText([c0], 4326)  -- geography
nvarchar(max): geometry::STGeomFromText([c0], 0)  -- geometry
nvarchar(4000): [c0]  -- sql_variant
datetime2(6): [c0]  -- datetime
datetime2(6): [c0]  -- smalldatetime
float(53): [c0]  -- float
