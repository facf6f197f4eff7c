create table person (
  id int primary key, first text not null, email text not null, salary int not null, team text not null,
  boss_id int references person (id)
);
create function full_name(person person) returns text language sql stable as $$ select person.first || '!' $$;
create function tax(person person) returns int language sql stable as $$ select person.salary / 10 $$;
create function raise(by int) returns setof person language sql volatile as
  $$ update person set salary = salary + by returning * $$;
insert into person values
  (1, 'Ada', 'ada@a', 100, 'a', null),
  (2, 'Bo', 'bo@a', 200, 'a', 1),
  (3, 'Cy', 'cy@a', 300, 'a', 1),
  (4, 'Di', 'di@b', 400, 'b', 2),
  (5, 'Ed', 'ed@b', 500, 'b', 4);
