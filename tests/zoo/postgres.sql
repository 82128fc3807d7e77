create schema s2; create schema x;
create extension if not exists hstore schema x;
create type mood as enum ('sad','it''s ok','happy');
create domain posint as int not null check (value > 0);
create domain s2.word as varchar(10) collate "C" default 'a' check (value <> '');
create type pt as (x int, y numeric(8,2), m mood);
create type floatr as range (subtype=float8, subtype_diff=float8mi);
create sequence free start 7 increment 3; select nextval('free');
create table par(id int primary key, code text unique nulls not distinct, "Odd name" int default nextval('free'), d posint default 3);
create table zoo(
 id bigserial primary key, ida int generated always as identity (start 10 increment 5), m mood default 'sad', p posint, w s2.word,
 c pt, fr floatr, fm floatr_multirange, arr int[], marr mood[], j json, jb jsonb, si smallint, ch char(5), mon money, x xml, b bit(5), vb bit varying(9), inet inet, mac macaddr8,
 g point, iv interval, ts timestamptz, tt time with time zone, n numeric, f4 real, f8 float8, h x.hstore, tsv tsvector, oid oid, lsn pg_lsn,
 gen int generated always as (si*2) stored, par_id int references par(id) on delete cascade on update set null deferrable initially deferred,
 t text collate "C" not null default 'x''y' , constraint "chk it" check (si > 0 or si is null), r int4range, exclude using gist (r with &&)
) with (fillfactor=70);
create index zoo_expr on zoo (lower(t) desc nulls last) include (si) where si > 3;
create index on zoo using gin (arr); create unique index "Weird "" idx" on zoo (t, si);
comment on table zoo is 'it''s'; comment on column zoo.m is 'mood'; comment on index zoo_expr is 'ix'; comment on constraint "chk it" on zoo is 'c';
alter table zoo alter column t set statistics 500; alter table zoo alter column t set storage external;
alter table zoo alter si set not null;
alter table zoo replica identity using index "Weird "" idx";
create statistics zst (dependencies) on si, t from zoo;
alter table zoo enable row level security; create policy pol on zoo for select to public using (si > 0);
create table s2.t(a int, b text, primary key (a)); alter table s2.t add foreign key (a) references par(id) not valid;
create table pr(k int, d date not null, v text, primary key (k,d)) partition by range (d);
create table pr_2020 partition of pr for values from ('2020-01-01') to ('2021-01-01');
create table pr_21 (v text, d date not null, k int not null) ; alter table pr attach partition pr_21 for values from ('2021-01-01') to ('2022-01-01');
create table pr_sub partition of pr for values from ('2022-01-01') to ('2023-01-01') partition by hash (k);
create table pr_sub0 partition of pr_sub for values with (modulus 2, remainder 0);
create table pr_sub1 partition of pr_sub for values with (modulus 2, remainder 1);
create index pr_v on pr (v);
create table base1(a int, b text); create table kid(c int) inherits (base1);
create unlogged table ul(a int);
create view vw as select 1;
insert into par values (1,'a',default,5),(2,null,default,6);
insert into zoo(m,p,w,c,fr,fm,arr,marr,j,jb,si,ch,mon,x,b,vb,inet,mac,g,iv,ts,tt,n,f4,f8,h,tsv,oid,lsn,par_id,t,r) values
 ('happy',1,'w',row(1,2.50,'sad'),'[1,2)','{[1,2)}','{{1,2},{3,null}}','{sad,"it''s ok"}','{"a":1,"a":2, "b": 1.10}','{"b":1.10}',1,'ab',12.5,null,B'10101',B'1','10.0.0.1','08:00:2b:01:02:03:04:05','(1,2)','1 mon 2 days','infinity','12:00+02',1.500,0.1,'-0','a=>1','a b',5,'0/1',1,'tx','[1,5)'),
 (null,9,null,null,null,null,null,null,null,null,2,null,null,null,null,null,null,null,null,null,'0044-03-15 BC',null,'NaN','NaN','Infinity',null,null,null,null,null,E'a\tb\\n\n',null);
insert into s2.t values (1,'z'); insert into pr values (1,'2020-05-05','a'),(2,'2021-05-05','b'),(3,'2022-05-05','c'); insert into base1 values (1,'p'); insert into kid values (2,'k',3);
