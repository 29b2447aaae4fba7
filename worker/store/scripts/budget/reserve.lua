-- Reserves the next evenly spaced send times of an organization's budget: GCRA with reservation. The time
-- of the last reserved slot is stored, and the next reservation begins one gap later; none lies far ahead,
-- so that a hold or a new rate acts at once. Jobs share the slots by their weights (start-time fair
-- queueing, Goyal, Vin and Cheng 1996: each job's virtual time advances by 1 / weight with each slot).
--
-- KEYS  1 the budget   2 its workers' rate configs: worker -> 'seen ceiling maximum start label'
--       3 its jobs: job -> 'virtual time, seen'
-- ARGV  1 worker
--       2 JSON: {rate_config: [ceiling, maximum, start, label], demands: [[job, weight, slots]...], unused: slots,
--                max_slots: maximum slots that the worker can use, seconds: length of a reservation,
--                answer_delay: seconds until the reply arrives,
--                stats: [epoch, passed, latency_us, late], decision: see `adopt`, or null,
--                advice: [requests per second, seconds], or null}
-- Returns JSON: {at_us, first, gap, order: [index into demands...], again, held, epoch, rate, version, strikes,
--                decision_request: {learned or '', ceiling, start, by_hand, evidence} or absent}
--   at_us: now, as text; first: seconds from now to the first slot; gap: seconds between slots
--   order: the demand that each slot is for
--   again: seconds after which to ask again if there was no slot; held: seconds left of a hold
-- include: budget evidence

local HORIZON = 0.15e6       -- maximum microseconds from the arrival of the reply to the first slot
local MIN_RESERVATION = 0.1  -- minimum seconds of a reservation
local MAX_RESERVATION = 1    -- maximum seconds of a reservation, and of the delay of the reply
local ROUND_UP = 2 / 3       -- one slot a reservation at 13.3/s and not above: so often a worker asks at most
local MAX_WAIT = 0.5         -- maximum seconds before the next call, to learn of a hold or an order
local CREDIT = 1.01          -- factor on the rate while unused slots are given out again, never in a burst
local RAMP_FROM = 0.2        -- share of the rate at which sending resumes after a hold
local MAX_RAMP = 0.5e6       -- maximum microseconds until the full rate is reached
local GONE = 15e6            -- microseconds without a call after which a worker's settings no longer count
local ACTIVE = 1e6           -- microseconds without a demand after which a job no longer counts

local workers_key, jobs_key = KEYS[2], KEYS[3]
local worker, request = ARGV[1], cjson.decode(ARGV[2])
local demands = request.demands
local length = math.min(MAX_RESERVATION, math.max(MIN_RESERVATION, request.seconds))
local back = 1e6 * math.min(MAX_RESERVATION, math.max(0, request.answer_delay))

if request.decision ~= cjson.null then adopt(request.decision) end
add_stats(request.stats)
if request.advice ~= cjson.null then
  set_budget('advice', request.advice[1])
  set_budget('advice_us', int(now + 1e6 * request.advice[2]))
end

-- If live workers have different settings, the lowest applies.
local function apply_settings()
  local lowest, maximum, start, label = math.huge, math.huge, math.huge, ''
  local flat = redis.call('HGETALL', workers_key)
  for i = 1, #flat, 2 do
    local seen, ceiling, its_maximum, its_start, its_label = string.match(flat[i + 1], '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    if not is_recent(seen, GONE) then
      redis.call('HDEL', workers_key, flat[i])
    else
      if tonumber(ceiling) < lowest then lowest, label = tonumber(ceiling), its_label end
      maximum, start = math.min(maximum, tonumber(its_maximum)), math.min(start, tonumber(its_start))
    end
  end
  local override = known.override
  if override == 'auto' then
    lowest, label = maximum, 'auto'
  elseif override then
    lowest, label = tonumber(override), override
  end
  set_budget('ceiling', lowest)
  set_budget('start', label == 'auto' and math.min(start, lowest) or lowest)
  set_budget('label', label)
end

local mine = request.rate_config
redis.call('HSET', workers_key, worker, table.concat({int(now), mine[1], mine[2], mine[3], mine[4]}, ' '))
local due = now >= budget_number('due_us') or not known.learned
if due or not known.label then apply_settings() end

local rate = math.min(budget_number('rate', budget_number('start')), budget_number('ceiling'))
if now < budget_number('advice_us') then rate = math.min(rate, math.max(budget_number('advice'), 0.001)) end
local gap = 1e6 / rate

local credit = math.min(budget_number('credit') + request.unused, math.max(1, rate * MIN_RESERVATION))

local hold, held_for = budget_number('hold_us'), budget_number('hold_len_us')
local tat = budget_number('tat_us')
-- Nobody can send before the answer is there: a slot that lies earlier would be forfeited.
local first = math.max(now + back, tat, hold)
local ramp = math.min(MAX_RAMP, held_for / 2)
if first < hold + ramp then
  gap = gap / (RAMP_FROM + (1 - RAMP_FROM) * (first - hold) / ramp)
elseif credit >= 1 then
  gap = gap / CREDIT
end

-- The virtual times of the jobs that ask, and the lowest among those that others ask for.
local virtual, others, lowest = {}, math.huge, math.huge
do
  local asked = {}
  for i, demand in ipairs(demands) do asked[demand[1]] = i end
  local flat = redis.call('HGETALL', jobs_key)
  for i = 1, #flat, 2 do
    local v, seen = string.match(flat[i + 1], '^(%S+) (%S+)$')
    v = tonumber(v)
    if is_recent(seen, ACTIVE) then
      lowest = math.min(lowest, v)
      if asked[flat[i]] then virtual[asked[flat[i]]] = v else others = math.min(others, v) end
    elseif not asked[flat[i]] then
      redis.call('HDEL', jobs_key, flat[i])
    end
  end
  -- Who comes or comes back starts where the last one stands: time away is not saved up.
  if lowest == math.huge then lowest = 0 end
  for i in ipairs(demands) do virtual[i] = virtual[i] or lowest end
end

local order = {}
if first <= now + back + HORIZON then
  local count = math.min(request.max_slots, math.max(1, math.floor(1e6 * length / gap + ROUND_UP)))
  local ahead = others + math.max(1, rate * length)
  local idle = tat <= now + back
  local left = {}
  for i, demand in ipairs(demands) do left[i] = demand[3] end
  while #order < count do
    local pick
    for i in ipairs(demands) do
      if left[i] > 0 and (not pick or virtual[i] < virtual[pick]) then pick = i end
    end
    -- Who got more than its share waits, unless nobody else takes the slots.
    if not pick or (virtual[pick] >= ahead and not idle) then break end
    order[#order + 1] = pick - 1
    left[pick] = left[pick] - 1
    virtual[pick] = virtual[pick] + 1 / demands[pick][2]
  end
  if #order > 0 then
    set_budget('tat_us', int(first + #order * gap))
    set_budget('gap_us', int(gap))
    if gap < 1e6 / rate then credit = math.max(0, credit - #order * (CREDIT - 1)) end
  end
end
set_budget('credit', credit)
for i, demand in ipairs(demands) do
  redis.call('HSET', jobs_key, demand[1], string.format('%.6f', virtual[i]) .. ' ' .. int(now))
end

local reply = {
  at_us = int(now),  -- As text: as a number it would lose its last digits.
  first = (first - now) / 1e6,
  gap = gap / 1e6,
  order = order,
  again = math.min(MAX_WAIT, math.max(0.02, (first - now - back - HORIZON) / 1e6)),
  held = math.max(0, hold - now) / 1e6,
  epoch = budget_number('epoch'),
  rate = rate,
  version = budget_number('version'),
  strikes = budget_number('strikes'),
}
if #order == 0 then reply.order = nil end
if due then
  reply.decision_request = {
    learned = known.learned or '',
    ceiling = budget_number('ceiling'),
    start = budget_number('start'),
    by_hand = known.label ~= 'auto',
    evidence = evidence(),
  }
  -- Nobody else decides until this worker had the time to.
  set_budget('due_us', int(now + 1e6))
end
store_budget()
redis.call('PEXPIRE', workers_key, DAY_MS)
redis.call('PEXPIRE', jobs_key, DAY_MS)
return cjson.encode(reply)
