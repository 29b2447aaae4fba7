-- Finds what was left behind: leases that ran out, messages that were lost, a deadline that passed.
-- Any number of workers may run it at once; each finding is handed to one of them.
--
-- KEYS  1 the job's hash
-- ARGV  1 window   2 ms after which a message counts as lost
--       3 ms of silence after which an upload counts as abandoned
--       4 scheme and host of the worker's API   5 organizations that it serves; as in claim.lua, '' for any
-- Returns {code, slices waiting, slices claimed, which has waited longest, for how many ms, ticket ...}:
--   SWEPT; of a job that is not to be worked on now no slice waits.
--   NO_JOB, with nothing behind it; ABANDONED, an upload whose submitter is gone: it is to be purged.
-- Who does not serve the job gets no tickets for it, and none of its slices: it settles what is due.

if not get('state') then
  redis.call('SREM', 'bulk:live', string.sub(base, 7, -3))
  return {'NO_JOB'}
end
-- It is looked after by those who know how.
if is_of_other_version() then return {'SWEPT', 0, 0, 0, 0} end
local now = now_ms()
if get('state') == 'preparing' then
  if now - last_upload() >= tonumber(ARGV[3]) then return {'ABANDONED'} end
  return {'SWEPT', 0, 0, 0, 0}
end
if get('ended_ms') then return {'SWEPT', 0, 0, 0, 0} end
check_limits(now)
-- Once for what it last recorded: a slow sweep is no silence.
local GRACE = 6000
local spare = was_away(now)
redis.call('HSET', job, 'swept_ms', int(now))
cut_leases(now)
local serves = not is_of_other_host(ARGV[4]) and not is_of_other_org(ARGV[5])
local queued = {}
-- Those too whose lease has a moment left: the next sweep would find no silence any more.
for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'claimed', '-inf', int(spare and now + GRACE or now))) do
  local ends = tonumber(redis.call('ZSCORE', base .. 'claimed', n))
  local slice = base .. 'slice:' .. n
  local claim, seq, spared = unpack(redis.call('HMGET', slice, 'claim', 'seq', 'spared'))
  local stands = (claim or '') .. ':' .. (seq or '')
  if spare and claim and spared ~= stands then
    redis.call('HSET', slice, 'spared', stands)
    redis.call('ZADD', base .. 'claimed', int(now + GRACE), n)
  elseif ends > now then
    -- Its holder was spared before, and has its lease.
  elseif claim and is_whole(n) then
    lose(now, n)
    if not serves then
      -- As if no message had been sent: the next sweep of one who serves the job sends it.
      redis.call('ZADD', base .. 'waiting', 0, n)
    elseif workable() then
      queued[#queued + 1] = ticket(n)
    end
  else
    lost_record(n)
  end
end
if settle_job(now) then return {'SWEPT', 0, 0, 0, 0} end
if not serves then return {'SWEPT', 0, 0, 0, 0} end
if workable() then
  -- Only what waits for a hold to end is to be sent later than others.
  local held_ms = held_until(now, get('host') or host_of(ARGV[4]))
  local latest = int(math.max(now, held_ms - tonumber(ARGV[2])))
  for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'waiting', '(' .. latest, '+inf')) do
    redis.call('ZADD', base .. 'waiting', latest, n)
  end
  for _, n in ipairs(redis.call('ZRANGEBYSCORE', base .. 'waiting', '-inf', int(now - tonumber(ARGV[2])))) do
    redis.call('ZADD', base .. 'waiting', int(now), n)
    queued[#queued + 1] = ticket(n)
  end
  for _, n in ipairs(refill(now, tonumber(ARGV[1]))) do queued[#queued + 1] = n end
  if redis.call('ZCARD', base .. 'waiting') + redis.call('ZCARD', base .. 'claimed') == 0 then
    -- Something is left to do, and nobody would ever be told.
    lose_track()
    settle_job(now)
  end
end
local claimed = redis.call('ZCARD', base .. 'claimed')
if not workable() then return {'SWEPT', 0, claimed, 0, 0} end
local longest, sent = unpack(redis.call('ZRANGE', base .. 'waiting', 0, 0, 'WITHSCORES'))
return {
  'SWEPT', redis.call('ZCARD', base .. 'waiting'), claimed,
  tonumber(longest or '') or 0, math.max(0, now - (tonumber(sent or '') or now)), unpack(queued),
}
