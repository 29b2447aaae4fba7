-- Hands in what a worker decided after a refusal.
--
-- KEYS  1 the budget
-- ARGV  1 JSON: see `adopt`
-- Returns 1, or 0 where somebody decided or ordered since.

return adopt(cjson.decode(ARGV[1])) and 1 or 0
