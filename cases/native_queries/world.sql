create table author (id int primary key, name text not null);
create table article (id int primary key, author_id int not null, title text not null, content text);
insert into author values (1, 'Ada'), (2, 'Brian');
insert into article values
  (1, 1, 'Dogs', 'I like to eat dog food I am a dogs.'),
  (2, 1, 'Cats', null),
  (3, 2, 'Birds', 'They sing.');
create type mood as enum ('glad', 'sad');
