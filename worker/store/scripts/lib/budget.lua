-- The budget of an organization: what its hash holds, and how it is read.
--
-- KEYS[1]  bulk:budget:HOST:ORG, a hash. Times are microseconds of the store's clock:
--   tat_us            the first send time that is not reserved (theoretical arrival time of GCRA, ITU-T I.371)
--   gap_us            distance between the send times reserved last
--   hold_us           end of the hold: no request is sent before; hold_len_us: its length
--   rate, learned     the last decision: requests per second, and the state of worker/core/rate/learning.py
--   version           grows with each decision, so that one on old evidence changes nothing
--   epoch             grows with each 429 acted on and each order: slots and answers of older epochs do not count
--   decided_epoch, decided_us     the last epoch of which a 429 was handed to a worker to decide on, and when
--   due_us            when the next decision is due; from_us, where its evidence begins
--   passed, refused, latency_us     evidence since then: answers other than 429, 429s, sum of latencies
--   late              answers other than 429 in this epoch to requests of the epoch before
--   handed_us, handed_passed...     how much of the evidence was handed to the worker that decides
--   strikes           429s in a row, by the last decision
--   ceiling, start, label           the settings in force, of all live workers; see reserve.lua
--   override          what `set-rate` ordered: 'auto', or requests per second
--   advice, advice_us requests per second that the API's headers advise, and until when
--   credit            slots that were reserved and not used
-- Workers of record version 1 use the same hash; only epoch, decided_epoch, decided_us and handed_* have other names
-- there. So the two share send times, holds and evidence, but may decide twice on one 429.

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

local changed = {}
local function set_budget(field, value)
  known[field], changed[field] = value, value
end

-- Writes what was set, in one call; to be called at the end. What was learned serves the next job too, for a day. An
-- order lasts until the next order.
local function store_budget()
  local flat = {}
  for field, value in pairs(changed) do flat[#flat + 1], flat[#flat + 2] = field, value end
  if #flat > 0 then redis.call('HSET', key, unpack(flat)) end
  if not known.override then redis.call('PEXPIRE', key, DAY_MS) end
end

-- No time is believed further ahead than we put it: the store's clock may have been set back, or somebody else
-- wrote it. Nobody would send until then. What is cut is kept, so that it passes.
local MAX_HOLD = 3600e6    -- As `worker.core.answers.retry_after.LONGEST`.
local MAX_AHEAD = 3e6      -- A reservation begins at most 1.15 s ahead, and is a second long or of one slot.
local function clamp(field, latest, instead)
  if budget_number(field) > latest then set_budget(field, int(instead or latest)) end
end
clamp('hold_us', now + math.min(budget_number('hold_len_us', MAX_HOLD), MAX_HOLD))
clamp('tat_us', now + MAX_AHEAD + math.min(math.max(0, budget_number('gap_us')), MAX_HOLD))
clamp('advice_us', now + MAX_HOLD)
clamp('decided_us', now)
clamp('handed_us', now)
clamp('from_us', math.max(now, budget_number('hold_us')))
-- A decision that comes early does no harm.
clamp('due_us', math.max(now, budget_number('hold_us')) + math.max(60e6, 4e6 / math.max(0.001, budget_number('rate', 1))), now)

-- Whether the time `seen`, a text, lies within `micros` of now.
local function is_recent(seen, micros)
  local ago = now - (tonumber(seen) or 0)
  return ago <= micros and ago >= -micros
end
