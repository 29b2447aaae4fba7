-- Numbers as bytes, as `worker/core/batches/record.py` reads them.

local function pack(value, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(out)
end
