create table only_mysql (id int primary key, a int, j json, v vector(3), s point srid 4326 not null, u binary(16) default (uuid_to_bin(uuid())),
  key ((a + 1)), key hid (a) invisible, unique key f ((cast(j ->> '$.x' as char(10)))), key many ((cast(j -> '$.n' as unsigned array))),
  spatial key s (s), constraint off check (a > 1) not enforced, key f2 (a, (abs(a)) desc));
insert into only_mysql values (1, 0, '{"x": "b", "n": [1, 2]}', string_to_vector('[1,0.1,-3.5]'),
  st_geomfromtext('POINT(10 20)', 4326), x'00112233445566778899aabbccddeeff'), (2, null, null, null,
  st_geomfromtext('POINT(1 2)', 4326), null);
create table hidden_key (a int, my_row_id bigint unsigned not null auto_increment invisible primary key);
insert into hidden_key (a) values (1), (1);
create table options (id int primary key) engine=InnoDB stats_sample_pages=7 compression='zlib' autoextend_size=4194304;
insert into options values (1);
