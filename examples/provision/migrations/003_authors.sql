create table authors (id integer primary key, name text unique);
insert into authors (name) values ('notes'), ('www');
