ALTER TABLE images ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN status TEXT NOT NULL DEFAULT 'queued';
CREATE INDEX images_by_checksum ON images (checksum);
