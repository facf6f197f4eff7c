create table author (id serial primary key, name text not null, born date);
create table article (
  id serial primary key,
  title text,
  author_id int references author (id),
  editor_id int references author (id),
  is_published boolean not null default false
);
create view published as select id, title from article where is_published;
create schema other;
create table other.note (id int primary key, body text);
create table "not graphql" (id int primary key);
insert into author (name) values ('Ada'), ('Brian');
insert into article (title, author_id, is_published) values ('Looms', 1, true), ('Draft', 1, false);
