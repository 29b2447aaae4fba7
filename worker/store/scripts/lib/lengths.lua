-- Whether values of a slice were deleted, or cut, by somebody else.
-- include: job

local NOTHING_WRITTEN = '0 0 0 0'

-- How long the values of slice `n` are.
local function value_lengths(n)
  local found = {}
  for i, part in ipairs({'out', 'bat', 'why', 'exc'}) do
    found[i] = redis.call('STRLEN', base .. part .. ':' .. n)
  end
  return table.concat(found, ' ')
end

local function store_lengths(n)
  redis.call('HSET', base .. 'slice:' .. n, 'lengths', value_lengths(n))
end

-- Whether the values of slice `n` are still as long as when they were written. `lengths`: that field of its hash.
local function is_intact(n, lengths)
  return value_lengths(n) == (lengths or NOTHING_WRITTEN)
    and redis.call('EXISTS', base .. 'ids:' .. n) == 1
    and redis.call('HLEN', base .. 'reasons') >= job_number('reason_texts')
end
