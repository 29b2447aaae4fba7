-- The budget of an organization: what its hash holds, and how it is read.
--
-- KEYS[1]  bulk:budget:HOST:ORG, a hash. Times are microseconds of the store's clock:
--   tat_us            the first send time that is not taken (theoretical arrival time of GCRA, ITU-T I.371);
--   gap_us            how far apart those are that were taken last
--   hold_us           nobody sends before; hold_len_us, how long that hold was
--   rate, learned     what was decided last: requests per second, and the state of worker/core/rate/learning.py
--   version           moves with each decision, so that one made of old evidence changes nothing
--   epoch               moves with each refusal acted on and each order: slots and answers of older epochs do not count
--   decided_epoch, decided_us     the last epoch of which a 429 was handed to a worker to decide on, and when
--   due_us            when the next decision is due; from_us, where its evidence begins
--   passed, refused, latency_us     evidence since then
--   late                            answers to requests of the epoch before that were no 429, in this epoch
--   handed_us, handed_passed...         how much of it was handed to the worker that decides
--   strikes           refusals in a row, as decided last
--   ceiling, start, label                    the terms in force, of all live workers; see `terms`
--   override          what `set-rate` ordered: 'auto', or requests per second
--   advice, advice_us requests per second that the API's headers advise, and until when
--   credit            slots that were reserved and not used

local key = KEYS[1]
local DAY_MS = 86400000

local function int(value)
  return string.format('%.0f', value)
end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local known = {}
do
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do known[flat[i]] = flat[i + 1] end
end

local function budget_number(field, default)
  return tonumber(known[field] or default or 0)
end

local function set_budget(field, value)
  known[field] = value
  redis.call('HSET', key, field, value)
end

-- No time is believed further ahead than we put it: the store's clock may have been set back, or somebody else
-- wrote it. Nobody would send until then. What is cut is kept, so that it passes.
local LONGEST_HOLD = 3600e6  -- As `worker.core.answers.retry_after.LONGEST`.
local RUN_AHEAD = 3e6        -- A run begins at most 1.15 s ahead, and is a second long or of one slot.
local function clamp(field, latest, instead)
  if budget_number(field) > latest then set_budget(field, int(instead or latest)) end
end
clamp('hold_us', now + math.min(budget_number('hold_len_us', LONGEST_HOLD), LONGEST_HOLD))
clamp('tat_us', now + RUN_AHEAD + math.min(math.max(0, budget_number('gap_us')), LONGEST_HOLD))
clamp('advice_us', now + LONGEST_HOLD)
clamp('decided_us', now)
clamp('handed_us', now)
clamp('from_us', math.max(now, budget_number('hold_us')))
-- A decision that comes early does no harm.
clamp('due_us', math.max(now, budget_number('hold_us')) + math.max(60e6, 4e6 / math.max(0.001, budget_number('rate', 1))), now)

-- Whether who was seen at `seen`, a text, was seen within `micros`. Nobody was seen in the future.
local function is_recent(seen, micros)
  local ago = now - (tonumber(seen) or 0)
  return ago <= micros and ago >= -micros
end

-- What was learned is of use to the next job too. An order lasts until another.
local function keep_for_a_day()
  if not known.override then redis.call('PEXPIRE', key, DAY_MS) end
end
