CREATE TABLE users (
  user_id TEXT NOT NULL PRIMARY KEY CHECK (user_id GLOB 'u_*'),
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE CHECK (email LIKE '%_@_%')
) STRICT, WITHOUT ROWID;

CREATE TABLE addresses (
  address_id TEXT NOT NULL PRIMARY KEY CHECK (address_id GLOB 'a_*'),
  user_id TEXT NOT NULL REFERENCES users,
  label TEXT NOT NULL,
  street TEXT NOT NULL CHECK (length(street) > 0),
  city TEXT NOT NULL CHECK (length(city) > 0),
  postcode TEXT NOT NULL CHECK (postcode GLOB '[0-9][0-9][0-9][0-9][0-9]'),
  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
  UNIQUE (user_id, label)
) STRICT, WITHOUT ROWID;

CREATE TABLE payment_methods (
  payment_id TEXT NOT NULL PRIMARY KEY CHECK (payment_id GLOB 'm_*'),
  user_id TEXT NOT NULL REFERENCES users,
  kind TEXT NOT NULL CHECK (kind IN ('credit_card', 'paypal', 'gift_card')),
  brand TEXT,
  last_four TEXT CHECK (last_four GLOB '[0-9][0-9][0-9][0-9]'),
  balance_cents INTEGER CHECK (balance_cents >= 0),
  CHECK ((kind = 'credit_card') = (brand IS NOT NULL) AND (kind = 'credit_card') = (last_four IS NOT NULL)),
  CHECK ((kind = 'gift_card') = (balance_cents IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_methods_of_user ON payment_methods (user_id);

CREATE TABLE products (
  product_id TEXT NOT NULL PRIMARY KEY CHECK (product_id GLOB 'p_*'),
  name TEXT NOT NULL UNIQUE,
  category TEXT NOT NULL,
  final_sale INTEGER NOT NULL CHECK (final_sale IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE variants (
  variant_id TEXT NOT NULL PRIMARY KEY CHECK (variant_id GLOB 'v_*'),
  product_id TEXT NOT NULL REFERENCES products,
  options TEXT NOT NULL CHECK (json_valid(options)),
  price_cents INTEGER NOT NULL CHECK (price_cents > 0),
  stock INTEGER NOT NULL CHECK (stock >= 0),
  UNIQUE (product_id, options)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
  order_id TEXT NOT NULL PRIMARY KEY CHECK (order_id GLOB 'R-[0-9][0-9][0-9][0-9][0-9]'),
  user_id TEXT NOT NULL REFERENCES users,
  status TEXT NOT NULL CHECK (status IN ('pending', 'processed', 'shipped', 'delivered', 'cancelled')),
  placed_on TEXT NOT NULL CHECK (placed_on GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]'),
  delivered_on TEXT CHECK (delivered_on GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]' AND delivered_on >= placed_on),
  street TEXT NOT NULL CHECK (length(street) > 0),
  city TEXT NOT NULL CHECK (length(city) > 0),
  postcode TEXT NOT NULL CHECK (postcode GLOB '[0-9][0-9][0-9][0-9][0-9]'),
  payment_id TEXT NOT NULL REFERENCES payment_methods,
  total_cents INTEGER NOT NULL CHECK (total_cents > 0),
  carrier TEXT,
  tracking_number TEXT UNIQUE,
  items_changed INTEGER NOT NULL DEFAULT 0 CHECK (items_changed IN (0, 1)),
  cancel_reason TEXT CHECK ((status = 'cancelled') = (cancel_reason IS NOT NULL)),
  CHECK ((status = 'delivered') = (delivered_on IS NOT NULL)),
  CHECK ((status IN ('shipped', 'delivered')) = (tracking_number IS NOT NULL) AND (carrier IS NULL) = (tracking_number IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_of_user ON orders (user_id);

CREATE TABLE order_items (
  item_id TEXT NOT NULL PRIMARY KEY CHECK (item_id GLOB 'i_*'),
  order_id TEXT NOT NULL REFERENCES orders,
  variant_id TEXT NOT NULL REFERENCES variants,
  price_cents INTEGER NOT NULL CHECK (price_cents > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX order_items_of_order ON order_items (order_id);

-- What was charged (positive) and refunded (negative). The reference is 'order' or an item, so that rows do not
-- depend on the order of calls.
CREATE TABLE payments (
  order_id TEXT NOT NULL REFERENCES orders,
  kind TEXT NOT NULL CHECK (kind IN ('charge', 'cancellation', 'return', 'exchange', 'change')),
  reference TEXT NOT NULL,
  payment_id TEXT NOT NULL REFERENCES payment_methods,
  amount_cents INTEGER NOT NULL,
  booked_on TEXT NOT NULL CHECK (booked_on GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]'),
  PRIMARY KEY (order_id, kind, reference)
) STRICT, WITHOUT ROWID;

CREATE TABLE returns (
  item_id TEXT NOT NULL PRIMARY KEY REFERENCES order_items,
  refund_to TEXT NOT NULL REFERENCES payment_methods,
  requested_on TEXT NOT NULL CHECK (requested_on GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]')
) STRICT, WITHOUT ROWID;

CREATE TABLE exchanges (
  item_id TEXT NOT NULL PRIMARY KEY REFERENCES order_items,
  new_variant_id TEXT NOT NULL REFERENCES variants,
  requested_on TEXT NOT NULL CHECK (requested_on GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]')
) STRICT, WITHOUT ROWID;

CREATE TABLE transfers (
  user_id TEXT NOT NULL REFERENCES users,
  topic TEXT NOT NULL CHECK (topic IN ('lost_parcel', 'damaged_goods', 'invoice', 'complaint')),
  PRIMARY KEY (user_id, topic)
) STRICT, WITHOUT ROWID;
