-- What workers saw since the last decision on the rate, and what was decided on it.
-- include: budget

local STATS = {'passed', 'refused', 'latency_us'}

-- Adds a worker's answers since its last report: {epoch, answers other than 429, their summed latency in
-- microseconds, answers other than 429 to requests of the epoch before}. Answers reported in the epoch before, by a
-- worker that does not know of the present one yet, count as late too.
local function add_stats(stats)
  local behind = budget_number('epoch') - stats[1]
  local late = behind == 0 and (stats[4] or 0) or behind == 1 and stats[2] or 0
  if late > 0 then set_budget('late', budget_number('late') + late) end
  if behind ~= 0 then return end
  set_budget('passed', budget_number('passed') + stats[2])
  set_budget('latency_us', budget_number('latency_us') + stats[3])
end

-- The evidence since the last decision. It stays in the hash until a decision on it is adopted: a 429 meanwhile is
-- decided on all of it.
local function evidence()
  local from = math.max(budget_number('from_us', now), math.min(budget_number('hold_us'), now))
  set_budget('from_us', int(from))
  set_budget('handed_us', int(now))
  for _, name in ipairs(STATS) do set_budget('handed_' .. name, budget_number(name)) end
  return {
    seconds = math.max(0, now - from) / 1e6,
    passed = budget_number('passed'),
    throttled = budget_number('refused'),
    late = budget_number('late'),
    latency = budget_number('passed') > 0 and budget_number('latency_us') / budget_number('passed') / 1e6 or 0,
  }
end

-- Adopts the decision of a worker, unless another was adopted since its evidence was handed out. `decided`:
-- {version, rate, learned, seconds until the next decision, whether it begins a new epoch, strikes}.
local function adopt(decided)
  if budget_number('version') ~= decided[1] then return false end
  set_budget('version', decided[1] + 1)
  set_budget('rate', decided[2])
  set_budget('learned', decided[3])
  set_budget('strikes', decided[6])
  set_budget('due_us', int(math.max(now, budget_number('hold_us')) + 1e6 * decided[4]))
  -- The evidence that was decided on is used up.
  for _, name in ipairs(STATS) do set_budget(name, budget_number(name) - budget_number('handed_' .. name)) end
  set_budget('from_us', decided[5] and int(math.max(now, budget_number('hold_us'))) or budget_number('handed_us', now))
  if decided[5] then
    set_budget('epoch', budget_number('epoch') + 1)
    set_budget('passed', 0)
    set_budget('latency_us', 0)
    set_budget('late', 0)
  end
  return true
end
