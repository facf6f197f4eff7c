create extension citext; create extension ltree;
create type mood as enum ('calm', 'wild');
create type place as (street text, zip int);
create domain even as int check (value % 2 = 0);
create table every (
  id int primary key, i2 int2, i8 int8, f4 float4, f8 float8, num numeric, num2 numeric(10, 3), cash money, b bool,
  c char(3), vc varchar(5), t text, n name, ci citext, d date, ts timestamp, tz timestamptz, tm time, tmz timetz, iv interval,
  j json, jb jsonb, u uuid, by bytea, ip inet, net cidr, mac macaddr, bits bit(4), vbits varbit, r int4range, tsv tsvector,
  m mood, p place, e even, tree ltree, x xml, pt point, texts text[], ints int[]);
insert into every (id) values (0);
