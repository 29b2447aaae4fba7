-- How a job comes to rest.
-- include: job totals state claims damage

local function finish_job(now, to, code, message, actor)
  set_state(now, to, code, message, actor)
  set_job('ended_ms', int(now))
  add_totals({['ended:' .. to .. ':' .. code] = 1})
  drop_from_job('ending')
  redis.call('DEL', base .. 'waiting', base .. 'claimed')
  redis.pcall('SREM', 'bulk:live', job_field('id'))
end

-- Brings the job to rest where nothing is left to do or to wait for. True if it rests now.
local function finish_if_done(now)
  local state = job_field('state')
  if not MOVES[state] then return state ~= 'preparing' end
  if job_number('n_pending') + job_number('n_ambiguous') == 0 then
    if not job_field('record_lost') then end_damaged() end
    if not job_field('record_lost') then
      finish_job(now, 'completed', '', '', '')
      return true
    end
  end
  local ending = job_field('ending')
  if not ending then return false end
  clamp_leases(now)
  if redis.call('ZCOUNT', base .. 'claimed', '(' .. int(now), '+inf') > 0 then return false end
  for _, n in ipairs(redis.call('ZRANGE', base .. 'claimed', 0, -1)) do mark_ambiguous(n) end
  if job_field('record_lost') then recount() end
  local pending, ambiguous = job_number('n_pending'), job_number('n_ambiguous')
  local settled = {n_not_attempted = pending, n_unknown = ambiguous}
  add_to_job(settled)
  add_totals(settled)
  set_job('n_pending', 0, 'n_ambiguous', 0, 'rest_pending', pending, 'rest_ambiguous', ambiguous)
  local to = cjson.decode(ending)
  finish_job(now, to.state, to.code, to.message, to.actor)
  return true
end

-- Ends the job early once a limit that its submitter set is crossed.
local MIN_SAMPLE = 100
local function check_limits(now)
  if not MOVES[job_field('state')] then return end
  local failed = job_number('n_failed') + job_number('n_unknown')
  local limit = tonumber(job_field('max_failures') or '')
  if limit and failed > limit then
    set_ending('failed', 'too_many_failures', failed .. ' ids failed, at most ' .. int(limit) .. ' allowed', 'worker')
  end
  local ratio = tonumber(job_field('max_failure_ratio') or '')
  if ratio then
    local settled = failed + job_number('n_activated') + job_number('n_already_active')
    if settled >= math.min(MIN_SAMPLE, job_number('total')) and failed > ratio * settled then
      set_ending('failed', 'too_many_failures',
        failed .. ' of ' .. settled .. ' ids failed, at most a share of ' .. ratio .. ' allowed', 'worker')
    end
  end
  local deadline = tonumber(job_field('deadline_ms') or '')
  if deadline and now >= deadline then
    set_ending('expired', 'deadline', 'the deadline passed', 'worker')
  end
end
