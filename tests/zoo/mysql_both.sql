create table numbers (id bigint unsigned not null, t tinyint, tu tinyint unsigned, b1 tinyint(1), s smallint,
  su smallint unsigned, m mediumint, mu mediumint unsigned, i int, iu int(10) unsigned zerofill, b bigint, bu bigint unsigned,
  d decimal(65,30), dz decimal(10,2) unsigned zerofill, d0 decimal, f float, f2 float(7,3), fu float unsigned, x double,
  x2 double(10,2), y year, bit1 bit(1), bit7 bit(7), bit64 bit(64), primary key (id));
insert into numbers values
  (18446744073709551615, -128, 255, 1, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295, -9223372036854775808,
   18446744073709551615, 99999999999999999999999999999999999.999999999999999999999999999999, 7.5, -9999999999,
   -0.1, 1234.567, 3.402823466e38, -1.7976931348623157e308, 12345678.91, 2155, b'1', b'1111111',
   b'1111111111111111111111111111111111111111111111111111111111111111'),
  (0, 127, 0, 2, 32767, 0, 8388607, 0, 2147483647, 1, 9223372036854775807, 0, -0.000000000000000000000000000001, 0, 1,
   1e-45, -0.001, 0.1, 2.2250738585072014e-308, -0.01, 0, b'0', b'0', b'0'),
  (7, -1, 1, -128, 0, 0, 0, 0, 0, 42, 0, 9223372036854775808, 0, 99999999.99, 0, 16777217, 0.1, 123456.78, -0e0, 0.1, 1901,
   b'1', b'1010101', b'10'),
  (1, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null);
create table texts (`id "x``y.z` varchar(20) character set utf8mb4 collate utf8mb4_bin not null, c char(5), l varchar(20)
  character set latin1 default 'a''b\n"\\', l2 varchar(20) character set latin2, cp varchar(20) character set cp1251,
  sj varchar(20) character set sjis, gb text character set gb2312, u3 varchar(20) character set utf8mb3,
  u16 text character set utf16, asc1 tinytext character set ascii, mt mediumtext, lt longtext,
  e enum('a', 'b''c', 'ä!', 'x)y,z') not null default 'a', e0 enum('', 'y') default null, s set('x', 'y', 'ü'),
  b binary(16), vb varbinary(10), tb tinyblob, bb blob, mb mediumblob, lb longblob, j json, g geometry,
  p point, ls linestring, po polygon, mp multipoint, gc geometrycollection, primary key (`id "x``y.z`))
  comment='it''s a\ncomment, (x) `' row_format=dynamic;
insert into texts values
  ('key\t\n\\"''é', 'ab', 'Grüße €', 'łódź', 'Привет', _sjis x'8abf8e9a', _gb2312 x'bababad7', 'ü', 'x😀', 'a', 'm\0m', '', 'b''c', '', 'x,ü',
   'short', x'00ff', '', x'', x'0a095c', x'00', '{"a": [1, 2.50, null, "\\ud83d\\ude00", 1e20, 12345678901234567890]}',
   st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))'), point(1, 1e300), st_geomfromtext('LINESTRING(0 0,1 0.1)'),
   st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))'), st_geomfromtext('MULTIPOINT(0 0,1 1)'),
   st_geomfromtext('GEOMETRYCOLLECTION(POINT(1 2))')),
  ('', '', '', '', '', '', '', '', '', '', '', '', 'x)y,z', 'y', '', 'x', '', 'x', 'x', '', '', 'null', null, null, null, null,
   null, null),
  ('K', ' x', '\\N', ' ', '\\', 'NULL', null, ' ', '\f\v\b', 't', '\\N', '\\x41', 'ä!', null, null, null, null, null, null,
   null, null, '"text"', null, null, null, null, null, null);
create table times (id int not null primary key, d date default '0000-00-00', t time(6), t0 time, dt datetime(6), dt3 datetime(3),
  dt0 datetime default current_timestamp, ts timestamp(6) null, n int,
  ts0 timestamp not null default current_timestamp on update current_timestamp);
insert into times values
  (1, '1000-01-01', '-838:59:59', '23:59:59', '1000-01-01 00:00:00.000001', '2020-02-29 23:59:59.999', '2020-01-01',
   '1970-01-01 00:00:01', 1, '2038-01-19 03:14:07'),
  (2, '9999-12-31', '838:59:59', '-00:00:01', '9999-12-31 23:59:59.999999', null, null, null, null, '2001-01-01'),
  (3, '0000-00-00', '-00:00:00.000001', '24:00:00', '0000-00-00', '2024-00-00', '2024-02-30', '0000-00-00', 3, '2024-03-10 02:30:00'),
  (4, '2024-02-31', null, null, null, null, null, null, null, '0000-00-00');
create table par (id bigint unsigned not null auto_increment primary key, a int not null, b int not null, unique key ab (a, b))
  auto_increment=1000;
insert into par values (0, 0, 0), (5, 1, 2), (6, 2, 1);
create table chi (id int not null auto_increment, p bigint unsigned, q int, r int, self int, primary key (id), key p (p),
  constraint named foreign key (p) references par (id) on delete cascade on update set null,
  foreign key (q, r) references par (a, b), constraint me foreign key (self) references chi (id));
insert into chi values (0, null, null, null, 9), (9, 5, 1, 2, 0), (10, 6, null, 7, 10);
create table computed (id int primary key, a int, v int as (a + 1) virtual, w varchar(20) as (concat(a, '`;,')) stored,
  hid int default 7 invisible, x double default (rand() * 0 + 3), key v (v), key w (w(3)), check (a > -5),
  constraint `named, check` check (a <> 13));
insert into computed (id, a, hid) values (1, 1, null), (2, -4, 2), (3, null, 3);
create table keyed (id int primary key, a varchar(100) character set latin1 collate latin1_german2_ci not null, b text not null,
  c int not null, p point not null, unique key u (a, c desc) comment 'c''x', key pre (a(5), b(10)), key down (c desc, id),
  fulltext key ft (b), fulltext key ft2 (b), spatial key sp (p));
insert into keyed values (1, 'Ä', 'some words', 1, point(1, 2)), (2, 'AF', 'more words', 2, point(2, 3));
create table bare (a int, b text);
insert into bare values (1, 'x'), (1, 'x'), (null, null);
create table counted (k int not null, n int not null auto_increment, primary key (k, n), key n (n));
insert into counted values (1, 1), (1, 2), (2, 0);
create table by_range (id int not null, d date not null, v int, primary key (id, d), key v (v)) partition by range (year(d))
  subpartition by hash (id) subpartitions 2 (partition p0 values less than (2000) comment 'old', partition p1 values
  less than maxvalue);
insert into by_range values (1, '1999-01-01', 1), (1, '2001-01-01', 2);
create table by_list (id int) partition by list (id) (partition a values in (1, 2), partition b values in (3, null));
insert into by_list values (1), (3), (null), (3);
create table by_columns (a varchar(10) not null, b date) partition by range columns (a, b)
  (partition p0 values less than ('m', '2020-01-01'), partition p1 values less than (maxvalue, maxvalue));
insert into by_columns values ('a', '2021-01-01'), ('z', null);
create table by_key (id int primary key auto_increment, v int) partition by key () partitions 3;
insert into by_key values (1, 1), (2, 2);
create table by_hash (id int not null, unique key (id)) partition by linear hash (id) partitions 2;
insert into by_hash values (1), (2);
create table squeezed (id int primary key, t text) row_format=compressed key_block_size=8 stats_persistent=0;
insert into squeezed values (1, repeat('x', 5000));
create table small (id int primary key, t varchar(10)) engine=MyISAM checksum=1 max_rows=10 comment='MyISAM';
insert into small values (1, 'x');
create table `odd ``name'"\ and %, (x)` (`select` int primary key, `a b.c` text) character set latin1;
insert into `odd ``name'"\ and %, (x)` values (1, 'x');
create table by_enum (k enum('z', 'a', 'm') not null, at datetime(3) not null, v binary(4) not null, f float not null,
  primary key (k, at, v));
insert into by_enum values ('z', '2020-01-01', 'ab', 0.1), ('a', '2020-01-01', 'ab', 1), ('m', '0000-00-00', 'ab', 2);
create table none_of_them (id int primary key, e enum('a', 'b'), f enum('', 'a'), s set('a', 'b'));
insert into none_of_them values (1, 'nothing', 'nothing', 'nothing'), (2, 'a', '', 'a,b'), (3, '', 0, 0), (4, null, 1, null);
