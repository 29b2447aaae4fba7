-- Pauses, resumes, cancels or fails a job.
--
-- KEYS  1 the job's hash
-- ARGV  1 pause|resume|cancel|fail   2 states in which the control is allowed, each between spaces
--       3 states in which it has already taken effect   4 reason code   5 message   6 actor   7 window
-- Returns {code, state, ticket ...}: CHANGED; IN_FORCE, nothing to do; ILLEGAL in this state; NO_JOB;
--   OTHER_VERSION, the job has another record version and is not changed.
-- include: job state ending claims window

local control, allowed_from, in_force, code = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local message, actor, window = ARGV[5], ARGV[6], tonumber(ARGV[7])

local state = job_field('state')
if not state then return {'NO_JOB', ''} end
if is_of_other_version() then return {'OTHER_VERSION', state} end
if string.find(in_force, ' ' .. state .. ' ', 1, true) then return {'IN_FORCE', state} end
if not string.find(allowed_from, ' ' .. state .. ' ', 1, true) then return {'ILLEGAL', state} end
local now = now_ms()
local queued = {}
if control == 'pause' then
  set_state(now, 'paused', code, message, actor)
elseif control == 'resume' then
  set_state(now, job_field('started_ms') and 'running' or 'queued', code, message, actor)
  for _, n in ipairs(redis.call('ZRANGE', base .. 'waiting', 0, -1)) do
    wait_until(now + REDELIVER_AFTER, n)
    queued[#queued + 1] = ticket(n)
  end
  for _, n in ipairs(fill_window(now, window)) do queued[#queued + 1] = n end
elseif control == 'cancel' then
  drop_from_job('ending')
  set_ending('cancelled', code, message, actor)
  set_state(now, 'cancelling', code, message, actor)
  finish_if_done(now)
else
  set_ending('failed', code, message, actor)
  finish_if_done(now)
end
return {'CHANGED', job_field('state'), unpack(queued)}
