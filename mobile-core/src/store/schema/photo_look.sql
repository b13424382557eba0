-- What photos look like, for finding a picture that was used before: 64 bits each.
CREATE TABLE photo_look (
    digest BLOB PRIMARY KEY REFERENCES photo (digest),
    look INTEGER NOT NULL,
    noted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX photo_look_newest ON photo_look (noted_at);
