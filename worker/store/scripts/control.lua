-- Pauses, resumes, cancels or fails a job.
--
-- KEYS  1 the job's hash
-- ARGV  1 pause|resume|cancel|fail   2 states in which it is allowed, spaces around each
--       3 states in which it is in force already   4 reason code   5 message   6 actor   7 window
-- Returns {code, state, ticket ...}: CHANGED; IN_FORCE, nothing to do; ILLEGAL; NO_JOB.

local control = ARGV[1]
local state = get('state')
if not state then return {'NO_JOB', ''} end
if string.find(ARGV[3], ' ' .. state .. ' ', 1, true) then return {'IN_FORCE', state} end
if not string.find(ARGV[2], ' ' .. state .. ' ', 1, true) then return {'ILLEGAL', state} end
local now = now_ms()
local code, message, actor = ARGV[4], ARGV[5], ARGV[6]
local queued = {}
if control == 'pause' then
  change(now, 'paused', code, message, actor)
elseif control == 'resume' then
  change(now, get('started_ms') and 'running' or 'queued', code, message, actor)
  for _, n in ipairs(redis.call('ZRANGE', base .. 'waiting', 0, -1)) do
    redis.call('ZADD', base .. 'waiting', int(now), n)
    queued[#queued + 1] = ticket(n)
  end
  for _, n in ipairs(refill(now, tonumber(ARGV[7]))) do queued[#queued + 1] = n end
elseif control == 'cancel' then
  redis.call('HDEL', job, 'ending')
  finish_as('cancelled', code, message, actor)
  change(now, 'cancelling', code, message, actor)
  settle_job(now)
else
  finish_as('failed', code, message, actor)
  settle_job(now)
end
return {'CHANGED', get('state'), unpack(queued)}
