-- Called after the isolated process of a slice died. If that process recorded no outcome, the slice is set aside
-- and the job goes on without it; otherwise any worker may claim it again.
--
-- KEYS  1 the job's hash
-- ARGV  1 slice   2 nonce of that process's claim   3 window
-- Returns {code, ticket ...}: SET_ASIDE, ids that may have been sent are unknown, the rest not attempted;
--   GIVEN_BACK; FENCED, the process did not claim the slice, or lost the claim; NO_JOB.
-- include: job outcomes bytes state reasons lengths claims damage ending window

local n, nonce, window = ARGV[1], ARGV[2], tonumber(ARGV[3])

local slice = base .. 'slice:' .. n
if not job_field('state') then return {'NO_JOB'} end
local held_by, done, lengths = unpack(redis.call('HMGET', slice, 'nonce', 'done', 'lengths'))
if job_field('ended_ms') or held_by ~= nonce or done then
  return {'FENCED'}
end
local now = now_ms()
if not is_intact(n, lengths) then
  end_as_lost(n)
  finish_if_done(now)
  return {'FENCED'}
end
if redis.call('ZSCORE', base .. 'claimed', n) then expire_claim(now, n) end
local deaths = tonumber(redis.call('HGET', slice, 'deaths') or 0)
if deaths <= MAX_DEATHS then return {'GIVEN_BACK', is_workable() and ticket(n) or nil} end

local reason = intern_reason('WORKER_DIED\0000\000Worker processes died over these ids ' .. deaths
  .. ' times in a row with no outcome recorded in between, the last time with nothing else to do: set aside.')
local out = redis.call('GET', base .. 'out:' .. n) or ''
out = out .. string.rep('.', ids_in(n) - #out)
local why = {}
local ends = {['.'] = 'N', ['?'] = 'U'}
local moved = {['.'] = 0, ['?'] = 0}
out = string.gsub(out, '()([.?])', function(at, code)
  moved[code] = moved[code] + 1
  why[#why + 1] = pack(at - 1, 2) .. pack(reason, 2)
  return ends[code]
end)
redis.call('SET', base .. 'out:' .. n, out)
redis.call('APPEND', base .. 'why:' .. n, table.concat(why))
for from, to in pairs(ends) do
  add_to_job({[COUNTER[from]] = -moved[from], [COUNTER[to]] = moved[from]})
end
redis.call('HINCRBY', base .. 'tally', reason, #why)
redis.call('HSET', slice, 'done', 1, 'mark', 0)
store_lengths(n)
redis.call('HDEL', slice, 'deaths')
redis.call('ZREM', base .. 'waiting', n)
check_limits(now)
if finish_if_done(now) then return {'SET_ASIDE'} end
return {'SET_ASIDE', unpack(fill_window(now, window))}
