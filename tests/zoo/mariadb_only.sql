create sequence counts start with 5 increment by 3 maxvalue 1000 cycle;
create sequence free_one;
select nextval(counts);
create table only_mariadb (id int primary key default nextval(counts), a int check (a > -3), u uuid, i4 inet4, i6 inet6,
  v vector(3) not null, c text compressed, key ig (a) ignored, vector key v (v) m=8 distance=cosine);
insert into only_mariadb values (1, 1, '123e4567-e89b-12d3-a456-426655440000', '10.0.0.1', '2001:db8::ff00:42:8329',
  vec_fromtext('[1,0.1,-3.5]'), 'squeezed'), (2, null, null, null, null, vec_fromtext('[0,0,1]'), null);
create table versions (id int primary key, v int) with system versioning;
insert into versions values (1, 1);
create table versions2 (id int primary key, v int, rs timestamp(6) generated always as row start,
  re timestamp(6) generated always as row end, period for system_time (rs, re)) with system versioning;
insert into versions2 (id, v) values (1, 1);
create table valid (id int, a date, b date, period for app (a, b), primary key (id, app without overlaps));
insert into valid values (1, '2020-01-01', '2021-01-01'), (1, '2021-01-01', '2022-01-01');
create table aria (id int primary key, t text) engine=Aria transactional=1 page_checksum=1;
insert into aria values (1, 'x');
create table options (id int primary key) page_compressed=1;
insert into options values (1);
