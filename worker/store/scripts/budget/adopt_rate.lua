-- Adopts a worker's decision on the rate.
--
-- KEYS  1 the budget
-- ARGV  1 JSON: see `adopt`
-- Returns 1; 0 if another decision or an order was adopted in the meantime.
-- include: budget evidence

local decision = cjson.decode(ARGV[1])

local adopted = adopt(decision)
store_budget()
return adopted and 1 or 0
