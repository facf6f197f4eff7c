-- Authors, their passports (one to one) and their articles (one to many).
create table authors (
  id integer primary key,
  name text not null
);
create table passport_info (
  id integer primary key,
  owner_id integer not null unique references authors (id),
  passport_number text not null
);
create table articles (
  id integer primary key,
  title text not null,
  rating numeric(3, 2),
  is_published boolean not null default false,
  author_id integer references authors (id)
);
insert into authors values (1, 'Ada'), (2, 'Brian'), (3, 'Chike');
insert into passport_info values (10, 1, 'P-100'), (11, 3, 'P-300');
insert into articles values
  (100, 'On Engines', 4.50, true, 1),
  (101, 'Notes', null, false, 1),
  (102, 'Looms', 3.00, true, 2),
  (103, 'Found in a Drawer', 1.25, true, null);
