-- A schema with something of everything that a PostgreSQL world must carry over, or must tell that it does not.
CREATE SCHEMA hr;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN email AS text NOT NULL CHECK (VALUE ~~ '%@%') CHECK (length(VALUE) <= 60);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE country (code char(2) PRIMARY KEY, name text NOT NULL UNIQUE, population bigint CHECK (population > 0));
COMMENT ON TABLE country IS 'Where customers live';
COMMENT ON COLUMN country.code IS E'ISO 3166\n alpha-2 -- not a comment /* nor this';
CREATE TABLE customer (
  id serial PRIMARY KEY, email email, name varchar(40) NOT NULL, mood mood NOT NULL DEFAULT 'ok', country char(2) REFERENCES country ON DELETE SET NULL,
  credit numeric(12,2) NOT NULL DEFAULT 0 CHECK (credit >= 0 AND credit <= 100000), active boolean NOT NULL DEFAULT true,
  tags text[] NOT NULL DEFAULT '{}', extra jsonb, created timestamptz NOT NULL DEFAULT '2024-01-01 00:00:00+00', born date, boss integer REFERENCES customer,
  photo bytea, search tsvector, ip inet, CONSTRAINT named CHECK (name <> ''), CONSTRAINT grown CHECK (born < '2020-01-01'::date));
CREATE UNIQUE INDEX customer_email_lower ON customer (lower(email));
CREATE UNIQUE INDEX one_happy ON customer (country) WHERE mood = 'happy'::mood AND active;
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id integer NOT NULL REFERENCES customer ON DELETE CASCADE,
  status varchar(12) NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent')), qty positive NOT NULL, price numeric(10,2) NOT NULL,
  total numeric(14,2) GENERATED ALWAYS AS (qty * price) STORED, placed date NOT NULL DEFAULT CURRENT_DATE, note text CHECK (note ~ '^[A-Z]'));
COMMENT ON COLUMN orders.status IS 'new -> paid; paid -> sent';
CREATE TABLE line (order_id bigint REFERENCES orders ON DELETE CASCADE, no integer, what text NOT NULL, PRIMARY KEY (order_id, no));
CREATE TABLE hr.country (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "Name" text NOT NULL, "Per%cent" real, "NAME" text);
CREATE TABLE log (at timestamp DEFAULT now(), what text, seq serial, p pair);
CREATE TABLE rooms (name text PRIMARY KEY, during daterange, EXCLUDE USING gist (during WITH &&));
CREATE VIEW paid AS SELECT o.id, c.name, o.total FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.status = 'paid';
CREATE VIEW monthly AS SELECT date_trunc('month', placed) AS month, sum(total) FROM orders GROUP BY 1;
CREATE MATERIALIZED VIEW spent AS SELECT customer_id, sum(total) AS total, count(*) AS n FROM orders GROUP BY customer_id;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO log(what) VALUES ('order ' || NEW.id || ' ' || NEW.status); RETURN NEW; END $$;
CREATE TRIGGER told AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO country VALUES ('FR', 'France', 68000000), ('DE', 'Germany', 84000000), ('IT', 'Italy', 59000000);
INSERT INTO customer (email, name, country, credit, tags, extra, born, boss, photo, ip)
  SELECT 'user' || i || '@x.example', 'Name ' || i, (ARRAY['FR', 'DE', 'IT', NULL])[1 + i % 4], i * 1.5, ARRAY['a', 'b' || i], jsonb_build_object('n', i),
         date '1980-01-01' + i, NULLIF(i / 3, 0), '\x0001'::bytea, '10.0.0.1' FROM generate_series(1, 60) i;
INSERT INTO orders (customer_id, status, qty, price, placed, note)
  SELECT 1 + (i * 7) % 60, (ARRAY['new', 'paid', 'sent'])[1 + i % 3], 1 + i % 5, 9.99 + i, date '2024-01-01' + i % 300, 'Note ' || i FROM generate_series(1, 300) i;
INSERT INTO line SELECT o.id, n, 'thing ' || n FROM orders o, generate_series(1, 2) n;
INSERT INTO hr.country ("Name", "Per%cent") VALUES ('x', 1.5), ('y', 'NaN');
REFRESH MATERIALIZED VIEW spent;
