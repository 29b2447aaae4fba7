-- Creates a job in state 'preparing', or finds the one that the same request created before.
--
-- KEYS  1 the job's hash   2 bulk:request:KEY, if the request has an id
-- ARGV  1 job id   2 fingerprint of the request   3 'fresh': create a new one if that job is at rest
--       4.. field, value ... of the job's hash
-- Returns {code, job id}: CREATED; FOUND, the job exists (in any state; if 'preparing', the caller repeats
-- the upload); TAKEN, the request id was used for another list.
-- include: job

local request_key = KEYS[2]
local job_id, request_fingerprint, fresh = ARGV[1], ARGV[2], ARGV[3] == 'fresh'

-- The same command was executed before: redis-py repeats commands that timed out.
if job_field('state') then return {'FOUND', job_id} end
if request_key then
  local known = redis.call('GET', request_key)
  if known then
    local id, fingerprint = string.match(known, '^(%S+) (%S+)$')
    local state = redis.call('HGET', 'bulk:{' .. id .. '}:job', 'state')
    local rests = state == 'completed' or state == 'cancelled' or state == 'failed' or state == 'expired'
    if state and not (fresh and rests) then
      if fingerprint ~= request_fingerprint then return {'TAKEN', id} end
      return {'FOUND', id}
    end
  end
  redis.call('SET', request_key, job_id .. ' ' .. request_fingerprint)
end
local now = now_ms()
set_job('id', job_id, 'state', 'preparing', 'created_ms', int(now),
  'record_version', RECORD_VERSION, unpack(ARGV, 4))
redis.call('ZADD', 'bulk:jobs', int(now), job_id)
redis.call('SADD', 'bulk:live', job_id)
return {'CREATED', job_id}
