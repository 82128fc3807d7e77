-- Written by tests/unit/test_sqlserver_outline.py: tables of everything, step by step. No server has run it.

-- before
-- schema sales
CREATE SCHEMA [sales];
-- XML schema collection sales.OrderForms (for sales.orders)
-- (the server has it, or lacks it)
-- collation Latin1_General_100_CI_AS_SC_UTF8 (for sales.orders)
-- (the server has it, or lacks it)
-- collation SQL_Latin1_General_CP1_CI_AS (for items, sales.orders)
-- (the server has it, or lacks it)
-- database collation SQL_Latin1_General_CP1_CI_AS (for sales.orders)
-- (the server has it, or lacks it)
-- function dbo.usual (for sales.orders)
-- (the server has it, or lacks it)
-- server type json (for items)
-- (the server has it, or lacks it)
-- type dbo.Phone (for sales.orders)
CREATE TYPE [dbo].[Phone] FROM nvarchar(20) NULL;
-- sequence sales.numbers (for sales.orders)
CREATE SEQUENCE [sales].[numbers] AS int START WITH 5 INCREMENT BY 2 MINVALUE -2147483648 MAXVALUE 2147483647 CYCLE CACHE 50;
-- sequence dbo.lone
CREATE SEQUENCE [dbo].[lone] AS decimal(20, 0) START WITH -1 INCREMENT BY -1 MINVALUE -99999999999999999999 MAXVALUE -1 NO CYCLE NO CACHE;
-- partition function by_year (for sales.orders)
CREATE PARTITION FUNCTION [by_year] (int) AS RANGE RIGHT FOR VALUES (CONVERT(int, N'2020'), CONVERT(int, N'2021'));
-- partition scheme years (for sales.orders)
CREATE PARTITION SCHEME [years] AS PARTITION [by_year] ALL TO ([PRIMARY]);

-- collections
-- sales.orders: table sales.orders
CREATE TABLE [sales].[orders] (
  [id] bigint IDENTITY(1000, 5) NOT FOR REPLICATION NOT NULL,
  [year] int NOT NULL,
  [code] varchar(50) COLLATE Latin1_General_100_CI_AS_SC_UTF8 NOT NULL CONSTRAINT [DF_code] DEFAULT ('it''s'),
  [phone] [dbo].[Phone] NULL,
  [state]]s] char(3) COLLATE SQL_Latin1_General_CP1_CI_AS NOT NULL,
  [customer] bigint NULL,
  [total] decimal(12,2) NOT NULL CONSTRAINT [DF_total] DEFAULT ([dbo].[usual]()),
  [twice] AS ([total]*(2)) PERSISTED NOT NULL,
  [seen] AS (sysdatetime()),
  [note] nvarchar(100) COLLATE SQL_Latin1_General_CP1_CI_AS MASKED WITH (FUNCTION = 'partial(1,"xx''x",0)') NULL,
  [own] uniqueidentifier ROWGUIDCOL NOT NULL DEFAULT (newsequentialid()),
  [doc] xml(DOCUMENT [sales].[OrderForms]) NULL,
  [number] int NOT NULL CONSTRAINT [DF_number] DEFAULT (NEXT VALUE FOR [sales].[numbers]),
  CONSTRAINT [CK_total] CHECK ([total]>=(0)),
  CHECK ([year]>(1900))
);
-- items: table items
CREATE TABLE [dbo].[items] (
  [a bit] bit NULL,
  [a tinyint] tinyint NULL,
  [a smallint] smallint NULL,
  [a int] int NULL,
  [a bigint] bigint NULL,
  [a decimal] decimal(38,10) NULL,
  [a numeric] numeric(12,2) NULL,
  [a money] money NULL,
  [a smallmoney] smallmoney NULL,
  [a float] float(53) NULL,
  [a real] real NULL,
  [a date] date NULL,
  [a time] time(7) NULL,
  [a datetime2] datetime2(7) NULL,
  [a datetimeoffset] datetimeoffset(7) NULL,
  [a datetime] datetime NULL,
  [a smalldatetime] smalldatetime NULL,
  [a char] char(10) COLLATE SQL_Latin1_General_CP1_CI_AS NULL,
  [a varchar] varchar(50) COLLATE SQL_Latin1_General_CP1_CI_AS NULL,
  [a nchar] nchar(10) COLLATE SQL_Latin1_General_CP1_CI_AS NULL,
  [a nvarchar] nvarchar(max) COLLATE SQL_Latin1_General_CP1_CI_AS NULL,
  [a text] text COLLATE SQL_Latin1_General_CP1_CI_AS NULL,
  [a ntext] ntext COLLATE SQL_Latin1_General_CP1_CI_AS NULL,
  [a binary] binary(8) NULL,
  [a varbinary] varbinary(max) NULL,
  [a image] image NULL,
  [a uniqueidentifier] uniqueidentifier NULL,
  [a xml] xml NULL,
  [a hierarchyid] hierarchyid NULL,
  [a geometry] geometry NULL,
  [a geography] geography NULL,
  [a sql_variant] sql_variant NULL,
  [a json] json NULL,
  [float24] real SPARSE NULL,
  [version] rowversion NOT NULL,
  [all of them] xml COLUMN_SET FOR ALL_SPARSE_COLUMNS
) WITH (DATA_COMPRESSION = ROW);
-- facts: table facts
CREATE TABLE [dbo].[facts] (
  [day] date NOT NULL,
  [n] bigint NOT NULL
);

-- keys
-- sales.orders: primary key PK_orders
ALTER TABLE [sales].[orders] ADD CONSTRAINT [PK_orders] PRIMARY KEY CLUSTERED ([id] DESC, [year]) WITH (FILLFACTOR = 80, PAD_INDEX = ON) ON [years] ([year]);
-- facts: index cci
CREATE CLUSTERED COLUMNSTORE INDEX [cci] ON [dbo].[facts] WITH (DATA_COMPRESSION = COLUMNSTORE_ARCHIVE);
-- sales.orders: unique constraint UQ_orders_code
ALTER TABLE [sales].[orders] ADD CONSTRAINT [UQ_orders_code] UNIQUE NONCLUSTERED ([code]) WITH (IGNORE_DUP_KEY = ON) ON [PRIMARY];
-- sales.orders: index by_note
CREATE INDEX [by_note] ON [sales].[orders] ([note], [state]]s] DESC) INCLUDE ([total]) WHERE ([note] IS NOT NULL AND [total]>(0.00)) WITH (ALLOW_ROW_LOCKS = OFF, ALLOW_PAGE_LOCKS = OFF, DATA_COMPRESSION = PAGE) ON [PRIMARY];
-- sales.orders: index off
CREATE INDEX [off] ON [sales].[orders] ([customer]) ON [PRIMARY];
-- sales.orders: index columns
CREATE NONCLUSTERED COLUMNSTORE INDEX [columns] ON [sales].[orders] ([total], [year]) WHERE ([total]>(0)) ON [years] ([year]);
-- sales.orders: unique constraint of number
ALTER TABLE [sales].[orders] ADD UNIQUE NONCLUSTERED ([number]) ON [PRIMARY];
-- items: primary key
ALTER TABLE [dbo].[items] ADD PRIMARY KEY NONCLUSTERED ([a bigint]);

-- references
-- sales.orders: check CK_old
ALTER TABLE [sales].[orders] WITH NOCHECK ADD CONSTRAINT [CK_old] CHECK NOT FOR REPLICATION ([code]<>'');
-- sales.orders: check CK__orders__off, which is disabled
ALTER TABLE [sales].[orders] WITH NOCHECK ADD CONSTRAINT [CK__orders__off] CHECK ([total]<(10)); ALTER TABLE [sales].[orders] NOCHECK CONSTRAINT [CK__orders__off];
-- sales.orders: foreign key FK_orders_customers
ALTER TABLE [sales].[orders] WITH CHECK ADD CONSTRAINT [FK_orders_customers] FOREIGN KEY ([customer]) REFERENCES [dbo].[customers] ([id]) ON DELETE CASCADE ON UPDATE SET NULL;
-- sales.orders: foreign key FK__orders__off
ALTER TABLE [sales].[orders] WITH NOCHECK ADD CONSTRAINT [FK__orders__off] FOREIGN KEY ([phone]) REFERENCES [dbo].[phones] ([number]) ON UPDATE SET DEFAULT NOT FOR REPLICATION; ALTER TABLE [sales].[orders] NOCHECK CONSTRAINT [FK__orders__off];
-- items: foreign key of a bigint, a int to sales.orders
ALTER TABLE [dbo].[items] WITH NOCHECK ADD FOREIGN KEY ([a bigint], [a int]) REFERENCES [sales].[orders] ([id], [year]);

-- after
-- sales.orders: where id counts on
IF EXISTS (SELECT 1 FROM sys.identity_columns AS c WHERE c.object_id = OBJECT_ID(N'[sales].[orders]') AND c.last_value IS NULL) DBCC CHECKIDENT (N'[sales].[orders]', RESEED, 1055) WITH NO_INFOMSGS ELSE DBCC CHECKIDENT (N'[sales].[orders]', RESEED, 1050) WITH NO_INFOMSGS;
-- where sequence sales.numbers counts on (for sales.orders)
ALTER SEQUENCE [sales].[numbers] RESTART WITH 43;
-- where sequence dbo.lone counts on
ALTER SEQUENCE [dbo].[lone] RESTART WITH -1;
-- sales.orders: comment of the table
DECLARE @value nvarchar(4000) = CONVERT(nvarchar(max), 0x570068006100740020007700610073005c000a006f00720064006500720065006400); EXEC sys.sp_addextendedproperty N'MS_Description', @value, N'SCHEMA', N'sales', N'TABLE', N'orders';
-- sales.orders: comment of column code
DECLARE @value varchar(8000) = N'its code'; EXEC sys.sp_addextendedproperty N'MS_Description', @value, N'SCHEMA', N'sales', N'TABLE', N'orders', N'COLUMN', N'code';
-- sales.orders: extended property why of constraint CK_total
DECLARE @value nvarchar(4000) = N'it''s so'; EXEC sys.sp_addextendedproperty N'why', @value, N'SCHEMA', N'sales', N'TABLE', N'orders', N'CONSTRAINT', N'CK_total';
-- sales.orders: extended property why of index by_note
DECLARE @value nvarchar(4000) = N'for reports'; EXEC sys.sp_addextendedproperty N'why', @value, N'SCHEMA', N'sales', N'TABLE', N'orders', N'INDEX', N'by_note';
-- sales.orders: that index off is disabled
ALTER INDEX [off] ON [sales].[orders] DISABLE;

-- views
-- view sales.open_orders
create view [sales].[open_orders] (id) with schemabinding as select id from sales.orders;
-- view sales.late
-- who
CREATE  VIEW [sales].[late] AS SELECT o.id FROM sales.open_orders AS o;

-- what stays
-- sales.orders: how each partition of primary key PK_orders is compressed: does not come along
-- sales.orders: index in_doc, of kind xml: does not come along
-- sales.orders: trigger stamp: does not come along
-- sales.orders: filegroup FAST: does not come along
-- items: index places, of kind spatial: does not come along
-- items: lock escalation auto: does not come along
-- items: values of version, a rowversion: the server gives its own: does not come along
-- sales.orders: extended property since of the table, a value of type date: does not come along
-- partition scheme years: the filegroups OLD: do not come along
-- view sales.open_orders: index by_id: does not come along
-- view sales.open_orders: comment of the view: does not come along
-- procedure clean: does not come along
-- synonym elsewhere: does not come along
-- comment of a schema: does not come along
-- comment of a sequence: does not come along
-- extended property owner of a type: does not come along

-- how values are read, and stored
-- bit: bool
--   read [a bit]
--   stored value of bit
-- tinyint: int
--   read [a tinyint]
--   stored value of tinyint
-- smallint: int
--   read [a smallint]
--   stored value of smallint
-- int: int
--   read [a int]
--   stored value of int
-- bigint: int
--   read [a bigint]
--   stored value of bigint
-- decimal(38,10): decimal
--   read [a decimal]
--   stored value of decimal(38,10)
-- numeric(12,2): decimal
--   read [a numeric]
--   stored value of numeric(12,2)
-- money: decimal
--   read CONVERT(decimal(19,4), [a money])
--   stored value of decimal(19,4)
-- smallmoney: decimal
--   read CONVERT(decimal(10,4), [a smallmoney])
--   stored value of decimal(10,4)
-- float: float
--   read [a float]
--   stored value of float(53)
-- real: float
--   read [a real]
--   stored value of float(53)
-- date: date
--   read [a date]
--   stored value of date
-- time(7): text, shown as time
--   read CONVERT(nvarchar(40), [a time], 121)
--   stored CONVERT(time(7), value, 121) of nvarchar(40)
-- datetime2(7): text, shown as datetime
--   read CONVERT(nvarchar(40), [a datetime2], 121)
--   stored CONVERT(datetime2(7), value, 121) of nvarchar(40)
-- datetimeoffset(7): text, shown as instant
--   read CONVERT(nvarchar(40), [a datetimeoffset], 126)
--   stored CONVERT(datetimeoffset(7), value, 126) of nvarchar(40)
-- datetime: text, shown as datetime
--   read CONVERT(nvarchar(40), [a datetime], 121)
--   stored CONVERT(datetime, value, 121) of nvarchar(40)
-- smalldatetime: text, shown as datetime
--   read CONVERT(nvarchar(40), [a smalldatetime], 121)
--   stored CONVERT(smalldatetime, value, 121) of nvarchar(40)
-- char(10): text
--   read CONVERT(nvarchar(max), [a char])
--   stored value of nvarchar(max)
-- varchar(50): text
--   read CONVERT(nvarchar(max), [a varchar])
--   stored value of nvarchar(max)
-- nchar(10): text
--   read [a nchar]
--   stored value of nvarchar(max)
-- nvarchar(max): text
--   read [a nvarchar]
--   stored value of nvarchar(max)
-- text: text
--   read CONVERT(nvarchar(max), [a text])
--   stored value of nvarchar(max)
-- ntext: text
--   read CONVERT(nvarchar(max), [a ntext])
--   stored value of nvarchar(max)
-- binary(8): bytes
--   read [a binary]
--   stored CONVERT(varbinary(max), value, 2) of nvarchar(max)
-- varbinary(max): bytes
--   read [a varbinary]
--   stored CONVERT(varbinary(max), value, 2) of nvarchar(max)
-- image: bytes
--   read CONVERT(varbinary(max), [a image])
--   stored CONVERT(varbinary(max), value, 2) of nvarchar(max)
-- uniqueidentifier: uuid
--   read [a uniqueidentifier]
--   stored value of uniqueidentifier
-- xml: text
--   read CONVERT(nvarchar(max), [a xml])
--   stored CONVERT(xml, value, 1) of nvarchar(max)
-- hierarchyid: bytes
--   read CONVERT(varbinary(892), [a hierarchyid])
--   stored CONVERT(hierarchyid, CONVERT(varbinary(892), value, 2)) of nvarchar(max)
-- geometry: bytes
--   read CONVERT(varbinary(max), [a geometry])
--   stored CONVERT(geometry, CONVERT(varbinary(max), value, 2)) of nvarchar(max)
-- geography: bytes
--   read CONVERT(varbinary(max), [a geography])
--   stored CONVERT(geography, CONVERT(varbinary(max), value, 2)) of nvarchar(max)
-- sql_variant: text
--   read CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY([a sql_variant], N'BaseType')) + N'|' + CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY([a sql_variant], N'Precision')) + N'|' + CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY([a sql_variant], N'Scale')) + N'|' + CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY([a sql_variant], N'MaxLength')) + N'|' + COALESCE(CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY([a sql_variant], N'Collation')), N'') + N'|' + CASE CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY([a sql_variant], N'BaseType')) WHEN N'float' THEN CONVERT(nvarchar(max), CONVERT(float(53), [a sql_variant]), 3) WHEN N'real' THEN CONVERT(nvarchar(max), CONVERT(real, [a sql_variant]), 3) WHEN N'money' THEN CONVERT(nvarchar(max), CONVERT(money, [a sql_variant]), 2) WHEN N'smallmoney' THEN CONVERT(nvarchar(max), CONVERT(smallmoney, [a sql_variant]), 2) WHEN N'datetime' THEN CONVERT(nvarchar(max), CONVERT(datetime, [a sql_variant]), 121) WHEN N'smalldatetime' THEN CONVERT(nvarchar(max), CONVERT(smalldatetime, [a sql_variant]), 121) WHEN N'date' THEN CONVERT(nvarchar(max), CONVERT(date, [a sql_variant]), 121) WHEN N'time' THEN CONVERT(nvarchar(max), CONVERT(time(7), [a sql_variant]), 121) WHEN N'datetime2' THEN CONVERT(nvarchar(max), CONVERT(datetime2(7), [a sql_variant]), 121) WHEN N'datetimeoffset' THEN CONVERT(nvarchar(max), CONVERT(datetimeoffset(7), [a sql_variant]), 126) WHEN N'binary' THEN CONVERT(nvarchar(max), CONVERT(varbinary(8000), [a sql_variant]), 2) WHEN N'varbinary' THEN CONVERT(nvarchar(max), CONVERT(varbinary(8000), [a sql_variant]), 2) ELSE CONVERT(nvarchar(max), [a sql_variant]) END
--   stored value of sql_variant
-- json: text, shown as json
--   read CONVERT(nvarchar(max), [a json])
--   stored value of nvarchar(max)
