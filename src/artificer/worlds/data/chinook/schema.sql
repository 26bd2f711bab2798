-- The Chinook digital media store.
CREATE TABLE artist (
  artist_id INTEGER PRIMARY KEY,
  name VARCHAR(120) NOT NULL
);
CREATE TABLE album (
  album_id INTEGER PRIMARY KEY,
  title VARCHAR(160) NOT NULL,
  artist_id INTEGER NOT NULL REFERENCES artist
);
CREATE TABLE genre (
  genre_id INTEGER PRIMARY KEY,
  name VARCHAR(120) NOT NULL UNIQUE
);
CREATE TABLE media_type (
  media_type_id INTEGER PRIMARY KEY,
  name VARCHAR(120) NOT NULL UNIQUE
);
CREATE TABLE track (
  track_id INTEGER PRIMARY KEY,
  name VARCHAR(200) NOT NULL,
  album_id INTEGER REFERENCES album,
  media_type_id INTEGER NOT NULL REFERENCES media_type,
  genre_id INTEGER REFERENCES genre,
  composer VARCHAR(220),
  milliseconds INTEGER NOT NULL CHECK (milliseconds > 0), -- playing time in milliseconds
  bytes INTEGER CHECK (bytes > 0), -- size of the file
  unit_price NUMERIC(10,2) NOT NULL CHECK (unit_price >= 0) -- in US dollars
);
CREATE TABLE playlist (
  playlist_id INTEGER PRIMARY KEY,
  name VARCHAR(120) NOT NULL
);
CREATE TABLE playlist_track (
  playlist_id INTEGER NOT NULL REFERENCES playlist,
  track_id INTEGER NOT NULL REFERENCES track,
  PRIMARY KEY (playlist_id, track_id)
);
CREATE TABLE employee (
  employee_id INTEGER PRIMARY KEY,
  last_name VARCHAR(20) NOT NULL,
  first_name VARCHAR(20) NOT NULL,
  title VARCHAR(30),
  reports_to INTEGER REFERENCES employee, -- the employee's manager
  birth_date DATE,
  hire_date DATE,
  address VARCHAR(70),
  city VARCHAR(40),
  state VARCHAR(40),
  country VARCHAR(40),
  postal_code VARCHAR(10),
  phone VARCHAR(24),
  fax VARCHAR(24),
  email VARCHAR(60)
);
CREATE TABLE customer (
  customer_id INTEGER PRIMARY KEY,
  first_name VARCHAR(40) NOT NULL,
  last_name VARCHAR(20) NOT NULL,
  company VARCHAR(80),
  address VARCHAR(70),
  city VARCHAR(40),
  state VARCHAR(40),
  country VARCHAR(40),
  postal_code VARCHAR(10),
  phone VARCHAR(24),
  fax VARCHAR(24),
  email VARCHAR(60) NOT NULL,
  support_rep_id INTEGER REFERENCES employee -- the employee who looks after this customer
);
CREATE TABLE invoice (
  invoice_id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customer,
  invoice_date DATE NOT NULL,
  billing_address VARCHAR(70),
  billing_city VARCHAR(40),
  billing_state VARCHAR(40),
  billing_country VARCHAR(40),
  billing_postal_code VARCHAR(10),
  total NUMERIC(10,2) NOT NULL CHECK (total >= 0)
);
CREATE TABLE invoice_line (
  invoice_line_id INTEGER PRIMARY KEY,
  invoice_id INTEGER NOT NULL REFERENCES invoice,
  track_id INTEGER NOT NULL REFERENCES track,
  unit_price NUMERIC(10,2) NOT NULL CHECK (unit_price >= 0),
  quantity INTEGER NOT NULL CHECK (quantity > 0)
);
CREATE INDEX album_artist ON album (artist_id);
CREATE INDEX track_album ON track (album_id);
CREATE INDEX track_genre ON track (genre_id);
CREATE INDEX track_media_type ON track (media_type_id);
CREATE INDEX track_name ON track (name COLLATE NOCASE);
CREATE INDEX playlist_track_track ON playlist_track (track_id);
CREATE INDEX employee_reports_to ON employee (reports_to);
CREATE INDEX customer_support_rep ON customer (support_rep_id);
CREATE INDEX invoice_customer ON invoice (customer_id);
CREATE INDEX invoice_line_invoice ON invoice_line (invoice_id);
CREATE INDEX invoice_line_track ON invoice_line (track_id);
