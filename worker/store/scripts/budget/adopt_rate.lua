-- Hands in what a worker decided after a refusal.
--
-- KEYS  1 the budget
-- ARGV  1 JSON: see `adopt`
-- Returns 1, or 0 where somebody decided or ordered since.
-- include: budget evidence

local decision = cjson.decode(ARGV[1])

return adopt(decision) and 1 or 0
