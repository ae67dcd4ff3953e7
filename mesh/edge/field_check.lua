-- Refuses requests that the transcoder would take with a shrug: unknown and repeated JSON
-- fields, JSON that is not quite JSON, unknown query parameters. What it does not know of is
-- answered 404 here, so nothing reaches the transcoder unchecked.
--
-- `field_check.py` puts two tables before this file:
--   MESSAGES[name] = list of fields; a field is {name, proto, kind, list, message, values}
--   RULES = list of {verb, path, exact, body, query}; `path` is a pattern unless `exact`

local byte, find, sub, gsub = string.byte, string.find, string.sub, string.gsub

local MOST_NESTED = 32
local MOST_NAMED = 100
local ANYTHING = { kind = "anything" }
local QUOTE, BACKSLASH, COMMA, COLON = 34, 92, 44, 58
local OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = 123, 125, 91, 93
local LITERALS = {
  [116] = { "^true", "bool" },
  [102] = { "^false", "bool" },
  [110] = { "^null", "null" },
}
local ESCAPED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
-- The JSON tokens that a kind of field may be written as, and how to say so.
local TAKES = {
  string = { string = true, says = "must be a JSON string" },
  timestamp = { string = true, says = "must be a time in RFC 3339 form" },
  bool = { bool = true, says = "must be true or false" },
  integer = { number = true, string = true, says = "must be a whole number" },
  number = { number = true, string = true, says = "must be a number" },
  enum = { string = true, number = true, says = "must be one of the known names" },
  message = { object = true, says = "must be a JSON object" },
}

-- Both spellings of every field.
for name, fields in pairs(MESSAGES) do
  local index = {}
  for _, field in ipairs(fields) do
    index[field.name] = field
    index[field.proto] = field
  end
  MESSAGES[name] = index
end

local exact, patterns = {}, {}
for _, rule in ipairs(RULES) do
  if rule.exact then
    exact[rule.verb .. " " .. rule.path] = rule
  else
    patterns[#patterns + 1] = rule
  end
end

-- A caller's word as it may be said back: printable ASCII, and not for ever.
local function printable(word)
  if #word > MOST_NAMED then
    word = sub(word, 1, MOST_NAMED) .. "..."
  end
  return (gsub(word, "[^\32-\126]", "?"))
end

local function join(path, key)
  key = printable(key)
  return path == "" and key or path .. "." .. key
end

local function unknown(field)
  return { reason = "UNKNOWN_FIELD", field = field, says = "is not known to this method" }
end

local function wrong(field, says)
  return { reason = "MALFORMED_REQUEST", field = field, says = says }
end

local function malformed(position)
  return {
    reason = "MALFORMED_REQUEST",
    message = "The body is not valid JSON, at byte " .. position .. ".",
  }
end

local function skip(s, i)
  return find(s, "[^ \t\r\n]", i) or #s + 1
end

-- The position behind the string that begins at `i` and whether it holds escapes; nil: no string.
local function text_end(s, i)
  local escapes = false
  i = i + 1
  while true do
    i = find(s, '["\\%z\1-\31]', i)
    local c = i and byte(s, i)
    if c == QUOTE then
      return i + 1, escapes
    elseif c ~= BACKSLASH then
      return nil
    end
    escapes = true
    if find(s, '^["\\/bfnrt]', i + 1) then
      i = i + 2
    elseif find(s, "^u%x%x%x%x", i + 1) then
      i = i + 6
    else
      return nil
    end
  end
end

local function unescape(word)
  word = gsub(word, "\\u(%x%x%x%x)", function(code)
    local c = tonumber(code, 16)
    -- Names are ASCII without a backslash; anything else only has to stay unknown.
    return (c < 128 and c ~= BACKSLASH) and string.char(c) or "?"
  end)
  return (gsub(word, "\\(.)", function(c)
    return ESCAPED[c] or c
  end))
end

local function word_between(s, first, behind, escapes)
  local word = sub(s, first + 1, behind - 2)
  return escapes and unescape(word) or word
end

-- The position behind the number that begins at `i`; nil: no number.
local function number_end(s, i)
  local _, last = find(s, "^-?%d+", i)
  if not last or find(s, "^-?0%d", i) then
    return nil
  end
  if byte(s, last + 1) == 46 then
    _, last = find(s, "^%.%d+", last + 1)
    if not last then
      return nil
    end
  end
  if find(s, "^[eE]", last + 1) then
    _, last = find(s, "^[eE][+-]?%d+", last + 1)
  end
  return last and last + 1
end

local value

local function member(s, i, message, path, seen)
  if byte(s, i) ~= QUOTE then
    return nil, malformed(i)
  end
  local behind, escapes = text_end(s, i)
  if not behind then
    return nil, malformed(i)
  end
  local field = ANYTHING
  if message then
    local key = word_between(s, i, behind, escapes)
    path = join(path, key)
    field = message[key]
    if not field then
      return nil, unknown(path)
    elseif seen[field.name] then
      return nil, wrong(path, "is given more than once")
    end
    seen[field.name] = true
  end
  i = skip(s, behind)
  if byte(s, i) ~= COLON then
    return nil, malformed(i)
  end
  return skip(s, i + 1), field, path
end

local function object(s, i, message, path, depth)
  local seen = {}
  i = skip(s, i + 1)
  if byte(s, i) == CLOSE_OBJECT then
    return i + 1
  end
  while true do
    local at, field, name = member(s, i, message, path, seen)
    if not at then
      return nil, field
    end
    local behind, refusal = value(s, at, field, name, depth)
    if not behind then
      return nil, refusal
    end
    i = skip(s, behind)
    local c = byte(s, i)
    if c == CLOSE_OBJECT then
      return i + 1
    elseif c ~= COMMA then
      return nil, malformed(i)
    end
    i = skip(s, i + 1)
  end
end

local function list(s, i, item, path, depth)
  i = skip(s, i + 1)
  if byte(s, i) == CLOSE_LIST then
    return i + 1
  end
  local count = 0
  while true do
    local behind, refusal = value(s, i, item, path .. "[" .. count .. "]", depth)
    if not behind then
      return nil, refusal
    end
    count = count + 1
    i = skip(s, behind)
    local c = byte(s, i)
    if c == CLOSE_LIST then
      return i + 1
    elseif c ~= COMMA then
      return nil, malformed(i)
    end
    i = skip(s, i + 1)
  end
end

local function token_at(s, i)
  local c = byte(s, i)
  if c == QUOTE then
    local behind, escapes = text_end(s, i)
    return behind and "string", behind, escapes
  elseif c == OPEN_OBJECT then
    return "object"
  elseif c == OPEN_LIST then
    return "list"
  elseif LITERALS[c] then
    local _, last = find(s, LITERALS[c][1], i)
    return last and LITERALS[c][2], last and last + 1
  end
  local behind = number_end(s, i)
  return behind and "number", behind
end

local function wrong_word(field, word)
  if field.values and not field.values[word] then
    return "must be one of " .. field.names
  elseif field.kind == "timestamp" and not find(word, "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d") then
    return TAKES.timestamp.says
  elseif field.kind == "integer" and not find(word, "^-?%d+$") then
    return TAKES.integer.says
  end
end

-- Checks the value that begins at `i`; answers the position behind it, or nil and the refusal.
value = function(s, i, field, path, depth)
  local token, behind, escapes = token_at(s, i)
  if not token then
    return nil, malformed(i)
  elseif depth >= MOST_NESTED then
    return nil, { reason = "MALFORMED_REQUEST", message = "The body is nested too deeply." }
  elseif token == "null" then
    return behind
  elseif field.list then
    if token ~= "list" then
      return nil, wrong(path, "must be a JSON array")
    end
    return list(s, i, field.list, path, depth + 1)
  end
  local takes = TAKES[field.kind]
  if takes and not takes[token] then
    return nil, wrong(path, takes.says)
  elseif token == "object" then
    return object(s, i, field.message and MESSAGES[field.message], path, depth + 1)
  elseif token == "list" then
    return list(s, i, ANYTHING, path, depth + 1)
  elseif token == "string" and takes then
    local says = field.kind ~= "string" and wrong_word(field, word_between(s, i, behind, escapes))
    if says then
      return nil, wrong(path, says)
    end
  end
  return behind
end

local function check_body(s, message)
  local i = skip(s, 1)
  if byte(s, i) ~= OPEN_OBJECT then
    return { reason = "MALFORMED_REQUEST", message = "The body must be a JSON object." }
  end
  local behind, refusal = object(s, i, MESSAGES[message], "", 1)
  if refusal then
    return refusal
  end
  behind = skip(s, behind)
  if behind <= #s then
    return malformed(behind)
  end
end

local function decode(word)
  return (gsub(word, "%%(%x%x)", function(code)
    return string.char(tonumber(code, 16))
  end))
end

local function check_query(query, fields)
  local seen = {}
  for pair in string.gmatch(query, "[^&]+") do
    local name, word = string.match(pair, "^([^=]*)=?(.*)$")
    name = decode(name)
    local field = fields[name]
    if not field then
      return unknown(printable(name))
    elseif seen[field.name] and not field.list then
      return wrong(name, "is given more than once")
    end
    seen[field.name] = true
    local says = wrong_word(field.list or field, decode(word))
    if says then
      return wrong(name, says)
    end
  end
end

local function rule_of(verb, path)
  -- The transcoder takes a slash at the end for nothing, too.
  path = gsub(path, "(.)/$", "%1")
  local rule = exact[verb .. " " .. path]
  if rule then
    return rule
  end
  for _, candidate in ipairs(patterns) do
    if candidate.verb == verb and find(path, candidate.path) then
      return candidate
    end
  end
end

local function refuse(handle, refusal)
  if refusal.field then
    refusal.message = refusal.field .. " " .. refusal.says .. "."
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  for key, word in pairs(refusal) do
    metadata:set("tradewind.edge", key, word)
  end
  -- Answered as 400; were it 400 here already, Envoy would close the connection.
  handle:respond({ [":status"] = "422" }, "")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local content_type = headers:get("content-type") or ""
  if content_type == "application/grpc" or find(content_type, "^application/grpc%+") then
    return
  end
  local path, query = string.match(headers:get(":path") or "", "^([^?]*)%??(.*)$")
  local rule = rule_of(headers:get(":method"), path)
  if not rule then
    return handle:respond({ [":status"] = "404" }, "")
  end
  local refusal = query ~= "" and check_query(query, rule.query)
  if not refusal and rule.body then
    local body = handle:body(true)
    local length = body:length()
    local content = length > 0 and body:getBytes(0, length) or ""
    if find(content, "[^ \t\r\n]") then
      refusal = check_body(content, rule.body)
    elseif length > 0 then
      body:setBytes("{}")
    end
  end
  if refusal then
    refuse(handle, refusal)
  end
end
