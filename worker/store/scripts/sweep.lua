-- Finds what was left behind: leases that ran out, messages that were lost, a deadline that passed.
-- Any number of workers may run it at once; each finding is handed to one of them.
--
-- KEYS  1 the job's hash
-- ARGV  1 window   2 ms after which a message counts as lost
-- Returns {code, slices waiting, slices claimed, ticket ...}: SWEPT; NO_JOB, with nothing behind it.

if not get('state') then return {'NO_JOB'} end
local now = now_ms()
check_limits(now)
if get('state') == 'preparing' or settle_job(now) then return {'SWEPT', 0, 0} end
local queued = {}
for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'claimed', '-inf', int(now))) do
  doubt(n)
  -- The claim number moves, so that whoever held the lease is fenced when it wakes.
  redis.call('HINCRBY', base .. 'slice:' .. n, 'claim', 1)
  redis.call('ZREM', base .. 'claimed', n)
  redis.call('ZADD', base .. 'waiting', int(now), n)
  if workable() then queued[#queued + 1] = ticket(n) end
end
if workable() then
  for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'waiting', '-inf', int(now - tonumber(ARGV[2])))) do
    redis.call('ZADD', base .. 'waiting', int(now), n)
    queued[#queued + 1] = ticket(n)
  end
  for _, n in ipairs(refill(now, tonumber(ARGV[1]))) do queued[#queued + 1] = n end
end
return {
  'SWEPT', redis.call('ZCARD', base .. 'waiting'), redis.call('ZCARD', base .. 'claimed'), unpack(queued),
}
