-- The few slices of a job that wait in the queue.
-- include: job state claims

-- 'N:SIZE', a slice for which a message is to be sent, and its number of ids.
local function ticket(n)
  return n .. ':' .. ids_in(n)
end

-- Keeps `window` slices waiting besides those claimed. Returns their tickets.
local function fill_window(now, window)
  local queued = {}
  if not is_workable() then return queued end
  local next, slices = job_number('next_slice'), job_number('slices')
  if next >= slices then return queued end
  local waiting = redis.call('ZCARD', base .. 'waiting')
  while waiting < window and next < slices do
    wait_until(now + REDELIVER_AFTER, next)
    queued[#queued + 1] = ticket(next)
    next, waiting = next + 1, waiting + 1
  end
  if #queued > 0 then set_job('next_slice', next) end
  return queued
end
