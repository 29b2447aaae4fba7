-- The texts of reasons, each stored once a job.
-- include: job

-- A job of millions must not keep millions of texts. Past the cap a message is dropped, then the name.
local MAX_TEXTS, MAX_NAMES = 4000, 5000
local function intern_reason(text)
  local key = base .. 'reasons'
  local known = redis.call('HGET', key, text)
  if known then return tonumber(known) end
  local count = redis.call('HLEN', key)
  if count >= MAX_TEXTS then
    local name, status = string.match(text, '^([^%z]*)%z([^%z]*)%z')
    text = name .. '\0' .. status .. '\0'
    if count >= MAX_NAMES then text = 'OTHER\0' .. status .. '\0' end
    known = redis.call('HGET', key, text)
    if known then return tonumber(known) end
  end
  redis.call('HSET', key, text, count + 1)
  set_job( 'reason_texts', count + 1)
  return count + 1
end
