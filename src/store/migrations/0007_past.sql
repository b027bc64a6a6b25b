-- What a contact was that is over (see gateway::storage::past). NULL: it was closed before that was kept.
ALTER TABLE closed ADD COLUMN profile TEXT;
ALTER TABLE closed ADD COLUMN agent TEXT;
ALTER TABLE closed ADD COLUMN media TEXT;
ALTER TABLE closed ADD COLUMN queue TEXT;
ALTER TABLE closed ADD COLUMN began_at INTEGER;
ALTER TABLE closed ADD COLUMN ended_by TEXT;
ALTER TABLE closed ADD COLUMN turns INTEGER;
