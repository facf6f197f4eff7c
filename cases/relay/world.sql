create table author (id int primary key, name text not null, rating numeric);
insert into author values (1, 'A', 4.5), (2, 'B', null), (3, 'C', 3.10), (4, 'D', null), (5, 'E', 4.5);
create table article (id int primary key, title text, author_id int references author, published boolean not null);
insert into article values
  (1, 'one', 1, true), (2, 'two', 1, false), (3, 'three', 2, true), (4, 'four', 1, true), (5, null, 3, false);
create table label (lang text, code text, text text, primary key (lang, code));
insert into label values ('de', 'x', 'Ix'), ('en', 'x', 'Ex');
create view loud as select id, upper(title) as title from article;
create function search(word text) returns setof article language sql stable as
  $$ select * from article where title like '%' || word || '%' $$;
