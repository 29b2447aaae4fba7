-- Orders another rate. It holds for every worker from its next run of slots on, and wins over the settings.
--
-- KEYS  1 the budget
-- ARGV  1 requests per second, 'auto' to learn it, or 'default' to go by the settings again
-- Returns 1.

local order = ARGV[1]
if order == 'default' then
  redis.call('HDEL', key, 'override')
else
  put('override', order)
end
-- A rate set by hand is believed: what was learned before says nothing of it.
if tonumber(order) then redis.call('HDEL', key, 'learned', 'rate') end
-- Slots reserved at the old rate are void, and so is what is being decided on old evidence.
put('version', number('version') + 1)
put('era', number('era') + 1)
put('late', 0)
put('tat_us', int(now))
put('due_us', 0)
redis.call('HDEL', key, 'label')
redis.call('PERSIST', key)
return 1
