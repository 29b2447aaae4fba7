-- Which workers a job is for: by API host and organization.
-- include: job

local function host_of(api_url)
  return string.match(api_url, '^%a+://(.*)$') or api_url
end

-- Whether the job is sent to another API than `api_url`; '' for who sends nothing.
local function is_of_other_host(api_url)
  if api_url == '' then return false end
  local bound, host = job_field('api_url'), job_field('host')
  if bound then return bound ~= api_url end
  -- Earlier versions noted the host alone.
  return host ~= nil and host ~= host_of(api_url)
end

-- `orgs`: with spaces around each; '' for any.
local function is_of_other_org(orgs)
  if orgs == '' then return false end
  return not string.find(orgs, ' ' .. string.lower(job_field('org_id') or '') .. ' ', 1, true)
end

-- As `worker.core.ids.is_org_id`: it becomes part of a URL, of a key and of a file's name.
local function is_org_id(text)
  return text ~= nil and #text >= 8 and #text <= 64
    and string.match(text, '^[0-9A-Za-z][0-9A-Za-z%-]*[0-9A-Za-z]$') ~= nil
end
