-- The end of a job of whose record keys were deleted.
-- include: job outcomes state lengths claims

-- Counts the job anew from what is left of its record.
local function recount()
  local sums = {}
  for n = 0, job_number('slices') - 1 do
    local out = redis.call('GET', base .. 'out:' .. n) or ''
    local open = ids_in(n)
    for code in pairs(COUNTER) do
      if code ~= '.' then
        local _, count = string.gsub(out, '[' .. code .. ']', '')
        sums[code] = (sums[code] or 0) + count
        open = open - count
      end
    end
    sums['.'] = (sums['.'] or 0) + open
  end
  for code, field in pairs(COUNTER) do set_job(field, sums[code] or 0) end
end

-- Keys of slice `n` were deleted: the job ends, and ids whose outcome is not known any more are `unknown`.
local function end_as_lost(n)
  local out, slice = base .. 'out:' .. n, base .. 'slice:' .. n
  local kept = redis.call('GET', out) or ''
  local was = tonumber(string.match(redis.call('HGET', slice, 'lengths') or '', '^%d+') or '')
  local size = ids_in(n)
  if was == nil or #kept < was then
    -- Any of them may have been sent, and settled. What is left says nothing without its outcomes.
    if was and #kept < was then
      redis.call('DEL', base .. 'bat:' .. n, base .. 'why:' .. n, base .. 'exc:' .. n)
    end
    redis.call('SET', out, (string.gsub(kept .. string.rep('.', size - #kept), '[.?]', 'U')))
  else
    mark_ambiguous(n)
  end
  redis.call('ZREM', base .. 'claimed', n)
  redis.call('ZREM', base .. 'waiting', n)
  redis.call('HINCRBY', slice, 'claim', 1)
  redis.call('HSET', slice, 'done', 1, 'mark', 0)
  store_lengths(n)
  drop_from_job('ending')
  set_job('record_lost', 1)
  set_ending('failed', 'record_lost',
    'keys of slice ' .. n .. ' were deleted from Redis: look for who did it, and submit the list again', 'store')
end

-- The sets of claimed and waiting slices were deleted: slices that are not done end as they are.
local function end_untracked()
  for n = 0, job_number('slices') - 1 do
    if not redis.call('HGET', base .. 'slice:' .. n, 'done') then
      end_as_lost(n)
    end
  end
end

-- Ends slices with missing keys of a job that would complete otherwise.
local function end_damaged()
  for n = 0, job_number('slices') - 1 do
    if redis.call('EXISTS', base .. 'ids:' .. n) == 0
      or redis.call('STRLEN', base .. 'out:' .. n) < ids_in(n) then end_as_lost(n) end
  end
end
