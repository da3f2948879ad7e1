alter table notes add column created text;
create index notes_created on notes (created);
