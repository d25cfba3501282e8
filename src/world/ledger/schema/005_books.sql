-- What rested in a market's book, by when it ended: what ended after a moment, or rests still, and began before it, was
-- there then. Orders that ended with their placement never were.
CREATE INDEX orders_rested ON orders (epoch, market, closed_at) WHERE placed_status = 0;
