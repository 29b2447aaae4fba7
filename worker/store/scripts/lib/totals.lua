-- Sums over all jobs, those removed too, for the metrics: they only ever grow. What all jobs share is read and
-- written by `pcall`: where somebody spoilt it, no job is to end for it.

-- Adds {name = amount}: two calls, however many there are.
local function add_totals(amounts)
  local names, sums = {}, {}
  for name, amount in pairs(amounts) do
    if amount > 0 then names[#names + 1] = name end
  end
  if #names == 0 then return end
  local old = redis.pcall('HMGET', 'bulk:totals', unpack(names))
  if old.err then return end
  for i, name in ipairs(names) do
    local sum = tonumber(old[i] or 0)
    -- What is not equal to itself is no number.
    if sum and sum == sum and math.abs(sum) < 9007199254740992 then
      sums[#sums + 1], sums[#sums + 2] = name, string.format('%.0f', sum + amounts[name])
    end
  end
  if #sums > 0 then redis.pcall('HSET', 'bulk:totals', unpack(sums)) end
end
