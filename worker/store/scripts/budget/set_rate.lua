-- Sets another rate, which takes precedence over the settings. It applies from each worker's next reservation.
--
-- KEYS  1 the budget
-- ARGV  1 requests per second, 'auto' to learn it, or 'default' to return to the settings
-- Returns 1.
-- include: budget

local order = ARGV[1]
if order == 'default' then
  redis.call('HDEL', key, 'override')
else
  set_budget('override', order)
end
-- A rate set by hand is used as it is: what was learned before says nothing about it.
if tonumber(order) then redis.call('HDEL', key, 'learned', 'rate') end
-- Slots reserved at the old rate are void, as are decisions on old evidence.
set_budget('version', budget_number('version') + 1)
set_budget('epoch', budget_number('epoch') + 1)
set_budget('late', 0)
set_budget('tat_us', int(now))
set_budget('due_us', 0)
store_budget()
redis.call('HDEL', key, 'label')
redis.call('PERSIST', key)
return 1
