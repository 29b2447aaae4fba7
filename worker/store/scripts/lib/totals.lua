-- Sums over all jobs, for the metrics.

-- Sums over all jobs, those removed too, for the metrics: they only ever grow. What all jobs share is written
-- by `pcall`: where somebody spoilt it, no job is to end for it.
local function add_total(name, count)
  if count > 0 then redis.pcall('HINCRBY', 'bulk:totals', name, count) end
end
