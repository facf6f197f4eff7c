create extension citext;
create type mood as enum ('calm', 'wild');
create domain mail as text check (value like '%@%');
create domain tags as text[];
create table bags (
  id int primary key, texts text[], ints int[], moods mood[], cis citext[], docs jsonb[], mails mail[], tags tags);
insert into bags values
  (1, '{a,b}', '{1,2}', '{calm}', '{a}', '{"{\"a\": 1}","[2]"}', '{a@x}', '{t}'),
  (2, '{c}', '{3}', '{calm,wild}', '{b,c}', '{3}', '{a@x,b@x}', '{u}'),
  (3, '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
  (4, '{"\"","{,}"}', '{4,null}', '{wild}', '{A,B}', null, null, null),
  (5, null, null, null, null, null, null, null);
