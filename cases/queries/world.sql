create table author (id int primary key, name text not null, code varchar(10), nick char(4), rank bigint, born date, info json, facts jsonb, alive boolean, score float8);
create table article (id int primary key, title text, author_id int references author, rating int, published boolean);
insert into author values
  (1, 'Ann', 'a_1', 'an', 9007199254740993, '1990-05-06', '{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 2]}, "k": "v"}', true, 1.5),
  (2, 'bob', 'b%2', 'bo', 2, '1980-01-01', null, '["x", "k"]', false, null),
  (3, 'Cy', null, null, null, null, '5', null, null, 2.5);
insert into article values (1, 'one', 1, 5, true), (2, 'two', 1, 3, false), (3, 'three', 2, 5, true), (4, null, null, 1, true);
create function boom(text) returns setof author language plpgsql stable as $$ begin raise exception 'boom: %', $1 using errcode = 'P0001', detail = 'a detail'; end $$;
create function fail(word text) returns setof author language plpgsql stable as $$ begin raise exception 'boom: %', word using detail = 'a detail'; end $$;
create function divide(by_what int) returns setof author language sql stable as $$ select * from author where id = 6 / by_what $$;
create function slow() returns setof author language sql stable as $$ select a.* from author a, pg_sleep(20) $$;
