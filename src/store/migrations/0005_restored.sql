-- Records before this position came with a backup that was put in the place of what was here: whoever was open then is not now.
ALTER TABLE owner ADD COLUMN restored INTEGER NOT NULL DEFAULT 0;
