-- What every step on a job shares. It stands before each of the other files when they are loaded.
--
-- KEYS[1] is always the job's hash, bulk:{JOB}:job; every other key is derived from it, which its hash
-- tag allows. Fields of that hash:
--   state, reason_code, reason_message, reason_actor    where it stands and why
--   ending            JSON {state, code, message, actor}: where it goes once no slice is claimed
--   total, slices, slice_ids, next       ids, slices, ids in a slice, the next slice never queued
--   n_<outcome>       the counters; they sum to total at every moment
--   r_<name>          requests by kind and by status (r_200, ...)
--   support_<status>  the API's names of a few exceptional requests, spaces between
--   created_ms, started_ms, ended_ms, deadline_ms       the store's clock, milliseconds
--   moved_ms          when an id was settled last
--   active_ms, active_since                             time spent in 'running'
--   max_failures, max_failure_ratio, weight, org_id, manifest, labels ...
-- An outcome's character: . pending  ? ambiguous  A activated  a already_active  F failed
--                         N not_attempted  U unknown

local job = KEYS[1]
local base = string.sub(job, 1, -4)
local HISTORY = 200
local COUNTER = {
  ['.'] = 'n_pending', ['?'] = 'n_ambiguous', ['A'] = 'n_activated', ['a'] = 'n_already_active',
  ['F'] = 'n_failed', ['N'] = 'n_not_attempted', ['U'] = 'n_unknown',
}

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function get(field)
  return redis.call('HGET', job, field) or nil
end

local function number(field)
  return tonumber(get(field) or 0)
end

-- Lua writes large numbers as 1.7e+12 unless told otherwise.
local function int(value)
  return string.format('%.0f', value)
end

-- Sums over all jobs, those removed too, for the metrics: they only ever grow.
local function total(name, count)
  if count > 0 then redis.call('HINCRBY', 'bulk:totals', name, count) end
end

local function change(now, to, code, message, actor)
  local from = get('state')
  if from == 'running' then
    local since = number('active_since')
    redis.call('HINCRBY', job, 'active_ms', int(now - since))
  end
  redis.call('HSET', job, 'state', to, 'reason_code', code, 'reason_message', message, 'reason_actor', actor)
  if to == 'running' then
    redis.call('HSET', job, 'active_since', int(now))
    redis.call('HSETNX', job, 'started_ms', int(now))
  end
  redis.call('RPUSH', base .. 'history', cjson.encode({
    at = now, from = from, to = to, code = code, message = message, actor = actor,
  }))
  redis.call('LTRIM', base .. 'history', -HISTORY, -1)
  -- Whoever looks next tells of it.
  redis.call('ZADD', 'bulk:untold', 0, get('id'))
end

local function rest(now, to, code, message, actor)
  change(now, to, code, message, actor)
  redis.call('HSET', job, 'ended_ms', int(now))
  total('ended:' .. to .. ':' .. code, 1)
  redis.call('HDEL', job, 'ending')
  redis.call('DEL', base .. 'waiting', base .. 'claimed')
  redis.call('SREM', 'bulk:live', get('id'))
end

-- Moves slice `n`'s ids from pending to ambiguous where they may have been sent: below the mark.
-- Called when its claim ended without being given back.
local function doubt(n)
  local slice = base .. 'slice:' .. n
  local mark = tonumber(redis.call('HGET', slice, 'mark') or 0)
  if mark == 0 then return end
  local out = redis.call('GETRANGE', base .. 'out:' .. n, 0, mark - 1)
  out = out .. string.rep('.', mark - #out)
  local doubted, count = string.gsub(out, '%.', '?')
  if count > 0 then
    redis.call('SETRANGE', base .. 'out:' .. n, 0, doubted)
    redis.call('HINCRBY', job, 'n_pending', -count)
    redis.call('HINCRBY', job, 'n_ambiguous', count)
  end
  redis.call('HSET', slice, 'mark', 0)
end

-- Launched, and not at rest: only such a job ends. Messages and sweeps may be earlier or later than that.
local MOVES = {queued = true, running = true, paused = true, cancelling = true}

-- Brings the job to rest where nothing is left to do or to wait for. True if it rests now.
local function settle_job(now)
  local state = get('state')
  if not MOVES[state] then return state ~= 'preparing' end
  if number('n_pending') + number('n_ambiguous') == 0 then
    rest(now, 'completed', '', '', '')
    return true
  end
  local ending = get('ending')
  if not ending then return false end
  if redis.call('ZCOUNT', base .. 'claimed', '(' .. int(now), '+inf') > 0 then return false end
  for _, n in ipairs(redis.call('ZRANGE', base .. 'claimed', 0, -1)) do doubt(n) end
  local pending, ambiguous = number('n_pending'), number('n_ambiguous')
  redis.call('HINCRBY', job, 'n_not_attempted', pending)
  redis.call('HINCRBY', job, 'n_unknown', ambiguous)
  total('n_not_attempted', pending)
  total('n_unknown', ambiguous)
  redis.call('HSET', job, 'n_pending', 0, 'n_ambiguous', 0, 'rest_pending', pending, 'rest_ambiguous', ambiguous)
  local to = cjson.decode(ending)
  rest(now, to.state, to.code, to.message, to.actor)
  return true
end

local function finish_as(to, code, message, actor)
  redis.call('HSETNX', job, 'ending', cjson.encode({state = to, code = code, message = message, actor = actor}))
end

-- Ends the job early once a limit that its submitter set is crossed.
local MIN_SAMPLE = 100
local function check_limits(now)
  if not MOVES[get('state')] then return end
  local failed = number('n_failed') + number('n_unknown')
  local most = tonumber(get('max_failures') or '')
  if most and failed > most then
    finish_as('failed', 'too_many_failures', failed .. ' ids failed, at most ' .. int(most) .. ' allowed', 'worker')
  end
  local ratio = tonumber(get('max_failure_ratio') or '')
  if ratio then
    local settled = failed + number('n_activated') + number('n_already_active')
    if settled >= math.min(MIN_SAMPLE, number('total')) and failed > ratio * settled then
      finish_as('failed', 'too_many_failures',
        failed .. ' of ' .. settled .. ' ids failed, at most a share of ' .. ratio .. ' allowed', 'worker')
    end
  end
  local deadline = tonumber(get('deadline_ms') or '')
  if deadline and now >= deadline then
    finish_as('expired', 'deadline', 'the deadline passed', 'worker')
  end
end

local function workable()
  local state = get('state')
  return (state == 'queued' or state == 'running') and not get('ending')
end

-- 'N:SIZE', a slice for which a message is to be sent, and its number of ids.
local function ticket(n)
  local size = number('slice_ids')
  return n .. ':' .. math.min(size, number('total') - n * size)
end

-- Keeps `window` slices waiting besides those claimed. Returns their tickets.
local function refill(now, window)
  local queued = {}
  if not workable() then return queued end
  local next, slices = number('next'), number('slices')
  local waiting = redis.call('ZCARD', base .. 'waiting')
  while waiting < window and next < slices do
    redis.call('ZADD', base .. 'waiting', int(now), next)
    queued[#queued + 1] = ticket(next)
    next, waiting = next + 1, waiting + 1
  end
  redis.call('HSET', job, 'next', next)
  return queued
end
