-- Makes a job in state 'preparing', or finds the one that the same request made before.
--
-- KEYS  1 the job's hash   2 bulk:request:KEY, if the request has an id
-- ARGV  1 job id   2 fingerprint of the request   3 'fresh': a request whose job rests makes a new one
--       4.. field, value ... of the job's hash
-- Returns {code, job id}: CREATED; FOUND, the job stands (in any state, 'preparing' too: its upload is
-- to be done again); TAKEN, the request id belongs to another list.

-- This very command was here before: it was sent again, or the first of the two comes last.
if job_field('state') then return {'FOUND', ARGV[1]} end
if KEYS[2] then
  local known = redis.call('GET', KEYS[2])
  if known then
    local id, fingerprint = string.match(known, '^(%S+) (%S+)$')
    local state = redis.call('HGET', 'bulk:{' .. id .. '}:job', 'state')
    local rests = state == 'completed' or state == 'cancelled' or state == 'failed' or state == 'expired'
    if state and not (ARGV[3] == 'fresh' and rests) then
      if fingerprint ~= ARGV[2] then return {'TAKEN', id} end
      return {'FOUND', id}
    end
  end
  redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ARGV[2])
end
local now = now_ms()
redis.call('HSET', job, 'id', ARGV[1], 'state', 'preparing', 'created_ms', int(now),
  'record_version', RECORD_VERSION, unpack(ARGV, 4))
redis.call('ZADD', 'bulk:jobs', int(now), ARGV[1])
redis.call('SADD', 'bulk:live', ARGV[1])
return {'CREATED', ARGV[1]}
