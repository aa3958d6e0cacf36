-- What the short way of a claim needs.

-- Ends the transaction of a claim whose recipients were marked already and that gets no permits after all: a gate closed, or
-- somebody took the permits, between its look and its locks. SQLSTATE FC001 stands for that alone.
create function give_back_claim() returns void language plpgsql as $$
begin
    raise exception 'a claim got no permits and is given back; it is asked for again' using errcode = 'FC001';
end $$;

-- The time that n permits take at a rate, rounded up so that rounding never raises it; none where there is no rate.
create function time_of(n bigint, permits integer, per_us bigint) returns interval language sql immutable parallel safe
    return coalesce((n * per_us + permits - 1) / permits * interval '1 microsecond', interval '0');
