-- Adopts the decision of a worker on the rate.
--
-- KEYS  1 the budget
-- ARGV  1 JSON: see `adopt`
-- Returns 1; 0 where another decision or an order came since.
-- include: budget evidence

local decision = cjson.decode(ARGV[1])

return adopt(decision) and 1 or 0
