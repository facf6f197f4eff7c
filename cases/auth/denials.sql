create table author (id int primary key, name text);
create table article (id int primary key, author_id int references author, title text, secret text);
create table review (id int primary key, article_id int references article, text text);
create table note (id int primary key, text text);
create function shout(article) returns text language sql stable as $$ select upper($1.title) $$;
create function found() returns setof review language sql stable as $$ select * from review $$;
