-- The states of a job, and its history.
-- include: job

local HISTORY = 200

-- Launched, and not at rest: only such a job ends. Messages and sweeps may be earlier or later than that.
local MOVES = {queued = true, running = true, paused = true, cancelling = true}

local function is_workable()
  local state = job_field('state')
  return (state == 'queued' or state == 'running') and not job_field('ending')
end

local function set_state(now, to, code, message, actor)
  local from = job_field('state')
  if from == 'running' then
    local since = job_number('active_since')
    -- The store's clock may have been set back.
    add_to_job({active_ms = math.max(0, now - since)})
  end
  set_job('state', to, 'reason_code', code, 'reason_message', message, 'reason_actor', actor)
  if to == 'running' then
    set_job('active_since', int(now))
    if not job_field('started_ms') then set_job('started_ms', int(now)) end
  end
  redis.call('RPUSH', base .. 'history', cjson.encode({
    at = now, from = from, to = to, code = code, message = message, actor = actor,
  }))
  redis.call('LTRIM', base .. 'history', -HISTORY, -1)
  -- Whoever looks next tells of it.
  redis.pcall('ZADD', 'bulk:notify', 0, job_field('id'))
end

local function set_ending(to, code, message, actor)
  if job_field('ended_ms') or job_field('ending') then return end
  set_job('ending', cjson.encode({state = to, code = code, message = message, actor = actor}))
end
